import { globSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';
import { SuiteOrder } from './tools/suite-order.ts';

const TESTS = ['test/**/*.test.ts'];
const PACKAGES = process.env['SALLYPORT_PACKAGES'];
const hasImage = PACKAGES !== undefined && globSync('*.oci.tar', { cwd: PACKAGES }).length > 0;
/** These need packages, which take a minute to make; `.ci/run` makes them, without an image. SALLYPORT_PACKAGES names their folder. */
const WITHOUT_PACKAGES = PACKAGES === undefined ? ['test/packages/**'] : [];
const PACKAGE_TESTS = hasImage ? WITHOUT_PACKAGES : [...WITHOUT_PACKAGES, 'test/packages/image.test.ts'];
/** Each way to lose an edit, in a real browser: a minute and more. `.ci/run` runs them in a stage. */
const EVERY_PAGE = ['test/console/pages/settings-edits.test.ts'];
const PAGE_TESTS = process.env['SALLYPORT_EVERY_PAGE'] === '1' ? [] : EVERY_PAGE;
const IGNORED = [
  ...PACKAGE_TESTS,
  ...PAGE_TESTS,
  '**/node_modules/**',
  'packages/**',
  'logs/**',
  'state/**',
  '.cache/**',
];

/**
 * Files that need a process of their own: those that replace a module with `vi.mock`, and those with the tag because they
 * count what their process has open. The others share one process per worker, which saves loading the program for each
 * (0.8 s of a core, 330 times).
 */
const ALONE = globSync(TESTS).filter((path) => /\bvi\.mock\(|@process alone\b/.test(readFileSync(path, 'utf8')));

export default defineConfig({
  test: {
    globalSetup: './test/support/own-temporary.ts',
    // Processes rather than threads, because tests change signals and umask, and kill what they started.
    pool: 'forks',
    // Node loads the TypeScript of tests as it loads the program. Vite would rewrite every import to a getter, which costs a
    // sixth of the CPU time of the run.
    experimental: { viteModuleRunner: false },
    // More than there are cores, because many suites wait more than they work: on two cores, two workers leave half idle.
    maxWorkers: availableParallelism() + 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // The program refuses to start with these, and a developer's machine may have set them.
    env: { NODE_EXTRA_CA_CERTS: '', NODE_OPTIONS: '', NODE_TLS_REJECT_UNAUTHORIZED: '', SSLKEYLOGFILE: '' },
    reporters: ['default', './tools/suite-reporter.ts'],
    sequence: { sequencer: SuiteOrder },
    projects: [
      { extends: true, test: { name: 'shared', include: TESTS, exclude: [...IGNORED, ...ALONE], isolate: false } },
      { extends: true, test: { name: 'alone', include: ALONE, exclude: IGNORED, isolate: true } },
    ],
  },
});
