import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '#errors/catalogue.ts';
import { EXIT_OK, EXIT_STATUS, EXIT_USAGE } from '#errors/exit-status.ts';
import { couldBePrinted, logLinesOf } from '#test/support/told-lines.ts';

const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8');

/** What the page says of `retry`. */
const TRIED_AGAIN = { later: 'by itself', change: 'after a change', never: 'no' } as const;

interface Row {
  readonly code: string;
  readonly class: string;
  readonly status: number;
  readonly cells: readonly string[];
}

function codeRows(): Row[] {
  const chapters = page
    .slice(page.indexOf('## Failure codes'))
    .split(/^### Class /m)
    .slice(1);
  return chapters.flatMap((chapter) => {
    const head = /^([a-z]+), exit status (\d+)$/m.exec(chapter);
    const rows = [...chapter.matchAll(/^\| `([A-Z0-9-]+)` \|(.*)\|$/gm)];
    return rows.map(([, code = '', rest = '']) => ({
      code,
      class: head?.[1] ?? '',
      status: Number(head?.[2]),
      cells: rest.split('|').map((cell) => cell.trim()),
    }));
  });
}

describe('the failure codes of docs/operations.md', () => {
  const rows = codeRows();

  it('are those of the catalogue, each once', () => {
    expect(rows.map(({ code }) => code).sort()).toEqual(Object.keys(CATALOGUE).sort());
  });

  it.each(Object.entries(CATALOGUE))(
    '%s stands in its class and is tried again as the catalogue says',
    (code, entry) => {
      const row = rows.find((one) => one.code === code);
      expect(row).toMatchObject({ class: entry.class, status: EXIT_STATUS[entry.class] });
      expect(row?.cells).toHaveLength(3);
      const [means = '', check = '', again] = row?.cells ?? [];
      expect(again).toBe(TRIED_AGAIN[entry.retry]);
      for (const text of [means, check]) expect(text).toMatch(/^[A-Z`[].*[.?]$/);
    },
  );

  it('are the only things that look like codes anywhere on the page', () => {
    const known = new Set<string>(Object.keys(CATALOGUE));
    const named = [...page.matchAll(/[`[]([A-Z]+(?:-[A-Z0-9]+)+)[`\]]/g)].map(([, code = '']) => code);
    expect(named.filter((code) => !known.has(code))).toEqual([]);
  });
});

describe('the exit statuses of docs/operations.md', () => {
  it('are those of the program, each once', () => {
    const chapter = page.slice(page.indexOf('## Exit statuses'), page.indexOf('## Reading the log'));
    const told = [...chapter.matchAll(/^\| (\d+) \| ?([a-z]*) ?\|/gm)].map(([, status, name]) => [
      Number(status),
      name,
    ]);
    const real = Object.entries(EXIT_STATUS).map(([name, status]) => [status, name]);
    const order = (pairs: unknown[][]) => pairs.toSorted(([a], [b]) => Number(a) - Number(b));
    expect(order(told)).toEqual(order([[EXIT_OK, ''], [EXIT_USAGE, ''], ...real]));
  });
});

describe('the log lines of docs/operations.md', () => {
  const lines = logLinesOf(page);

  it('are there', () => {
    expect(lines.length).toBeGreaterThan(10);
  });

  it.each(lines)('could be printed: %s', (line) => {
    expect(couldBePrinted(line)).toBe(true);
  });
});
