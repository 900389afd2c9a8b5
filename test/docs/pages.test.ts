import { globSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '#errors/catalogue.ts';
import { couldBePrinted, logLinesOf } from '#test/support/page-log-lines.ts';

const DOCS = new URL('../../docs/', import.meta.url);
const PAGES = readdirSync(DOCS).filter((name) => name.endsWith('.md'));
const textOf = (page: string) => readFileSync(new URL(page, DOCS), 'utf8');

/** Long because of their tables, or because they are generated. */
const MAY_BE_LONG = ['configuration.md', 'failure-codes.md', 'architecture.md'];

describe('the pages in docs', () => {
  it.each(PAGES.filter((page) => !MAY_BE_LONG.includes(page)))('%s has at most 250 lines', (page) => {
    expect(textOf(page).split('\n').length).toBeLessThanOrEqual(251);
  });

  it.each(PAGES.filter((page) => page !== 'operations.md'))('operations.md links to %s', (page) => {
    expect(textOf('operations.md')).toContain(`](${page}`);
  });

  it.each(PAGES)('%s names only failure codes that exist', (page) => {
    const known = new Set<string>(Object.keys(CATALOGUE));
    const named = [...textOf(page).matchAll(/[`[]([A-Z]+(?:-[A-Z0-9]+)+)[`\]]/g)].map(([, code = '']) => code);
    expect(named.filter((code) => !known.has(code))).toEqual([]);
  });
});

describe('files-and-recovery.md', () => {
  it('names every JSON file that the program keeps', () => {
    const ROOT = new URL('../../', import.meta.url);
    const source = globSync('src/**/*.ts', { cwd: ROOT }).map((path) => readFileSync(new URL(path, ROOT), 'utf8'));
    const names = source.flatMap((text) => [...text.matchAll(/'([a-z-]+\.json)'/g)].map(([, name = '']) => name));
    // components.json is part of the program, bundle.json is in exported updates, and the last four are of a vendor.
    const elsewhere = new Set([
      'package.json',
      'components.json',
      'bundle.json',
      'feed.json',
      'snapshot.json',
      'timestamp.json',
      'targets.json',
    ]);
    const kept = [...new Set(names)].filter((name) => !elsewhere.has(name));
    expect(kept.length).toBeGreaterThan(8);
    expect(kept.filter((name) => !textOf('files-and-recovery.md').includes(`\`${name}\``))).toEqual([]);
  });
});

describe('the log lines in docs', () => {
  const lines = PAGES.flatMap((page) => logLinesOf(textOf(page)).map((line) => ({ page, line })));

  it('are shown in log.md', () => {
    expect(lines.filter(({ page }) => page === 'log.md').length).toBeGreaterThan(10);
  });

  it.each(lines)('$page: the program can print $line', ({ line }) => {
    expect(couldBePrinted(line)).toBe(true);
  });
});
