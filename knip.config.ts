/** Dead code: files, exports and dependencies that nothing uses. packages/, logs/ and state/ hold data, not code. */
import type { KnipConfig } from 'knip';

export default {
  // tools/ and people start them by their path; scripts and tests are found by themselves.
  entry: ['src/main.ts', 'tools/*.js', 'tools/bundle.ts', 'bench/*.ts', 'test/support/faults/watchdog.ts'],
  project: ['src/**/*.ts', 'tools/**/*.{js,ts}', 'test/**/*.ts', 'bench/**/*.ts', '*.ts'],
  // A file that tests read by its path; what only who wants Negotiate installs.
  ignoreDependencies: ['google-closure-compiler-java', 'kerberos'],
  // What tests, `npm run parts` and `npm run kerberos` take from the machine.
  ignoreBinaries: [
    'apt-get',
    'script',
    'dpkg',
    'mkfifo',
    'smbpasswd',
    'nsenter',
    'unshare',
    'kinit',
    'openssl',
    'ssh-keygen',
    'g\\+\\+',
    'make',
  ],
} satisfies KnipConfig;
