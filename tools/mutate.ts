/**
 * `npm run mutate [-- WORD]`: removes each check of the TUF client in a copy of the sources and runs the tests, which
 * must then fail. WORD selects the mutations whose name or file contains it. Exit status 1 if the tests pass without a
 * check.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { MUTATIONS, type Mutation } from '#test/tuf/support/mutations.ts';

const ROOT = dirname(import.meta.dirname);
const COPIED = ['src', 'test/support', 'test/tuf', 'tools', 'package.json', 'tsconfig.json', 'vitest.config.ts'];
/** Without the list itself, which every mutation would fail, and without the long search of crashes. */
const TESTS = ['test/tuf/attacks', 'test/tuf/delegations', 'test/tuf/clock', 'test/tuf/conformance'];
const LIMIT_MS = 120_000;

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

/** The name of the first test that fails, or null. A run without a failed test that ends badly is an error. */
function firstFailure(copy: string, tests: readonly string[]): string | null {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const flags = ['run', '--bail', '1', '--reporter', 'json', '--outputFile', report];
  const { status, stderr } = spawnSync(
    process.execPath,
    [join('node_modules', 'vitest', 'vitest.mjs'), ...flags, ...tests],
    {
      cwd: copy,
      encoding: 'utf8',
      timeout: LIMIT_MS,
    },
  );
  if (status === 0) return null;
  // A mutation that never ends is noticed as well.
  if (status === null) return 'no end within two minutes';
  // The first run was without a change, so the tests start: an endless loop ends a process without a report.
  if (!existsSync(report)) return 'the process of the tests crashed';
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  const failed = testResults.flatMap(({ assertionResults }) =>
    assertionResults.filter((one) => one.status === 'failed'),
  );
  if (failed[0] === undefined) throw new Error(`no test failed, but: ${stderr}`);
  return failed[0].title;
}

function tryMutation(copy: string, { file, find, replace }: Mutation): string | null {
  const path = join(copy, 'src', 'trust', 'tuf', file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    source.replace(find, () => replace),
  );
  try {
    return firstFailure(copy, TESTS) ?? firstFailure(copy, ['test/tuf/crash', 'test/tuf/properties']);
  } finally {
    writeFileSync(path, source);
  }
}

function main(words: readonly string[]): void {
  const chosen = MUTATIONS.filter(
    ({ name, file }) => words.length === 0 || words.some((word) => name.includes(word) || file.includes(word)),
  );
  const copy = mkdtempSync(join(tmpdir(), 'sallyport-mutate-'));
  try {
    for (const path of COPIED) cpSync(join(ROOT, path), join(copy, path), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    const broken = firstFailure(copy, TESTS);
    if (broken !== null) throw new Error(`a test fails without any change: ${broken}`);
    for (const mutation of chosen) {
      const failed = tryMutation(copy, mutation);
      if (failed === null) process.exitCode = 1;
      process.stdout.write(`| ${mutation.name} | ${failed ?? '**no test failed**'} |\n`);
    }
  } finally {
    rmSync(copy, { recursive: true });
  }
}

main(process.argv.slice(2));
