/**
 * Prints the end of a test run: the time of each file, what was skipped because a real server is missing, and one line
 * `N passed, N failed, N skipped`. A suite that needs a missing server has `[needs PART]` in its name
 * (see test/support/real-parts.ts). With SALLYPORT_REQUIRE_PARTS=1, as in CI, a skipped test fails the run.
 * SALLYPORT_FAILED_FILES names a file that gets the paths of the test files that failed, one a line, for `.ci/run`.
 */
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

const NEEDS = / \[needs ([^\]]+)\]$/;

export default class SuiteReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const lines = [
      '',
      'Time per suite:',
      ...timePerSuite(modules),
      ...skippedForParts(modules),
      ...skippedPackages(),
      ...skippedPages(),
    ];
    const count = countTests(modules);
    const isSkipFailure = count.skipped > 0 && process.env['SALLYPORT_REQUIRE_PARTS'] === '1';
    if (isSkipFailure) {
      lines.push('SALLYPORT_REQUIRE_PARTS=1: a skipped test fails the run.', ...namesOfSkipped(modules));
      process.exitCode = 1;
    }
    if (unhandledErrors.length > 0) {
      lines.push(`Errors outside of any test: ${unhandledErrors.length} (see above).`);
    }
    const failedList = process.env['SALLYPORT_FAILED_FILES'];
    if (failedList !== undefined) {
      const isFileFailure = unhandledErrors.length === 0 && !isSkipFailure;
      writeFileSync(failedList, isFileFailure ? failedFiles(modules) : '');
    }
    lines.push(`${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`);
    process.stdout.write(`${lines.join('\n')}\n`);
  }
}

function timePerSuite(modules: readonly TestModule[]): string[] {
  return modules
    .map((module) => ({ name: nameOf(module), ms: timeOf(module) }))
    .sort((a, b) => b.ms - a.ms)
    .map(({ name, ms }) => `${(ms / 1000).toFixed(2).padStart(8)} s  ${name}`);
}

function timeOf(module: TestModule): number {
  const { prepareDuration, environmentSetupDuration, collectDuration, setupDuration, duration } = module.diagnostic();
  return prepareDuration + environmentSetupDuration + collectDuration + setupDuration + duration;
}

function skippedForParts(modules: readonly TestModule[]): string[] {
  const lines: string[] = [];
  for (const module of modules) {
    for (const suite of module.children.allSuites()) {
      const needs = NEEDS.exec(suite.name);
      if (needs) {
        lines.push(`Skipped for want of ${needs[1]}: ${nameOf(module)} "${suite.name.replace(NEEDS, '')}".`);
      }
    }
  }
  if (lines.length === 0) return [];
  const asRoot = lines.some((line) => line.includes('systemd:'))
    ? ['A real systemd is booted by root, where systemd is installed: sudo npm test -- test/real-parts/systemd']
    : [];
  return [...lines, 'To get the missing parts: npm run parts; what it has not, .ci/run installs', ...asRoot];
}

/** vitest.config.ts leaves these tests out if nothing names the packages. A run with filters mentions only what they ask for. */
function skippedPackages(): string[] {
  const filters = process.argv.slice(2).filter((word) => word !== 'run' && !word.startsWith('-'));
  const isWanted = filters.length === 0 || filters.some((filter) => filter.includes('packages'));
  if (!isWanted || process.env['SALLYPORT_PACKAGES'] !== undefined) return [];
  return [
    'Skipped for want of packages: test/packages. Make them, then name their folder (as root):',
    '  npm run package -- --arch x64 --fast',
    '  SALLYPORT_PACKAGES=dist/packages npm test -- test/packages',
  ];
}

/** The same for the tests of every page. */
function skippedPages(): string[] {
  const isWhole = process.argv.slice(2).every((word) => word === 'run' || word.startsWith('-'));
  if (!isWhole || process.env['SALLYPORT_EVERY_PAGE'] === '1') return [];
  return ['Left out, because they take a minute: SALLYPORT_EVERY_PAGE=1 npm test -- test/console/pages'];
}

function namesOfSkipped(modules: readonly TestModule[]): string[] {
  return modules.flatMap((module) =>
    [...module.children.allTests('skipped')].map((test) => `  skipped: ${nameOf(module)} > ${test.fullName}`),
  );
}

/** One path a line. Empty if the run was stopped early, because then the files that failed are not all known. */
function failedFiles(modules: readonly TestModule[]): string {
  if (modules.some((module) => module.state() === 'queued' || module.state() === 'pending')) return '';
  const failed = modules.filter((module) => module.state() === 'failed');
  return failed.map((module) => `${nameOf(module)}\n`).join('');
}

function countTests(modules: readonly TestModule[]): { passed: number; failed: number; skipped: number } {
  const count = { passed: 0, failed: 0, skipped: 0 };
  for (const module of modules) {
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // Still pending at the end: the run was stopped before the test ended.
      count[state === 'pending' ? 'skipped' : state] += 1;
    }
    // A file that does not load has no tests, but it is a failure.
    count.failed += module.errors().length;
  }
  return count;
}

function nameOf(module: TestModule): string {
  return relative(process.cwd(), module.moduleId);
}
