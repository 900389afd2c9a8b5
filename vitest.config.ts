import { existsSync, globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Where `npm run kerberos` puts the package that tests of Negotiate load. */
const KERBEROS = fileURLToPath(new URL('.cache/kerberos/node_modules/kerberos/lib/index.js', import.meta.url));

const TESTS = ['test/**/*.test.ts'];
const IGNORED = ['**/node_modules/**', 'packages/**', 'logs/**', 'state/**', '.cache/**'];

/**
 * The files that get a process of their own. The others follow each other in one process per worker, which saves
 * reading the program again for each (0.8 s of a core, times 330). A file that replaces a module with `vi.mock` needs
 * one, and a file that counts what its process has open says so with the tag.
 */
const ALONE = globSync(TESTS).filter((path) => /\bvi\.mock\(|@process alone\b/.test(readFileSync(path, 'utf8')));

export default defineConfig({
  resolve: { alias: existsSync(KERBEROS) ? { kerberos: KERBEROS } : {} },
  test: {
    globalSetup: './test/support/own-temporary.ts',
    // Processes, since tests change signals and umask, and kill what they started.
    pool: 'forks',
    // One core less than there are would be one on a machine with two; many suites wait more than they work.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // What the program refuses to start with, and a developer's machine may have set for everything.
    env: { NODE_EXTRA_CA_CERTS: '', NODE_OPTIONS: '', NODE_TLS_REJECT_UNAUTHORIZED: '', SSLKEYLOGFILE: '' },
    reporters: ['default', './tools/suite-reporter.ts'],
    projects: [
      { extends: true, test: { name: 'shared', include: TESTS, exclude: [...IGNORED, ...ALONE], isolate: false } },
      { extends: true, test: { name: 'alone', include: ALONE, exclude: IGNORED, isolate: true } },
    ],
  },
});
