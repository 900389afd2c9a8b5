/** Finds unused files, exports and dependencies. packages/, logs/ and state/ contain data, not code. */
import type { KnipConfig } from 'knip';

export default {
  // Started by their path. knip finds scripts and tests itself.
  entry: [
    'src/main.ts',
    'tools/*.js',
    'tools/bundle.ts',
    'tools/console-bundle.ts',
    'src/console/pages/main.tsx',
    'tools/package/main.ts',
    'bench/*.ts',
    'test/support/faults/watchdog.ts',
  ],
  project: ['src/**/*.{ts,tsx}', 'tools/**/*.{js,ts}', 'test/**/*.ts', 'bench/**/*.ts', '*.ts'],
  // Tests read a file of the first by its path. The second is installed only for Negotiate.
  ignoreDependencies: ['google-closure-compiler-java', 'kerberos'],
  // Programs of the machine that tests, `npm run parts` and `npm run kerberos` use.
  ignoreBinaries: [
    'apt-get',
    'script',
    'dpkg',
    'mkfifo',
    'smbpasswd',
    'nsenter',
    'setpriv',
    'ansible-playbook',
    'unshare',
    'kinit',
    'openssl',
    'setpriv',
    'ansible-playbook',
    'ssh-keygen',
    'gpgconf',
    'g\\+\\+',
    'make',
  ],
} satisfies KnipConfig;
