import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Where `npm run kerberos` puts the package that tests of Negotiate load. */
const KERBEROS = fileURLToPath(new URL('.cache/kerberos/node_modules/kerberos/lib/index.js', import.meta.url));

export default defineConfig({
  resolve: { alias: existsSync(KERBEROS) ? { kerberos: KERBEROS } : {} },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'packages/**', 'logs/**', 'state/**', '.cache/**'],
    globalSetup: './test/support/own-temporary.ts',
    // A process per file: tests start servers, change signals and umask, and kill what they started.
    pool: 'forks',
    // One core less than there are would be one on a machine with two; many suites wait more than they work.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // What the program refuses to start with, and a developer's machine may have set for everything.
    env: { NODE_EXTRA_CA_CERTS: '', NODE_OPTIONS: '', NODE_TLS_REJECT_UNAUTHORIZED: '', SSLKEYLOGFILE: '' },
    reporters: ['default', './tools/suite-reporter.ts'],
  },
});
