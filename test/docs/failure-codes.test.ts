import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from '#errors/catalogue.ts';
import { EXIT_STATUS } from '#errors/exit-status.ts';

const page = readFileSync(new URL('../../docs/failure-codes.md', import.meta.url), 'utf8');

/** How the page words each `retry` of the catalogue. */
const TRIED_AGAIN = { later: 'by itself', change: 'after a change', never: 'no' } as const;

interface Row {
  readonly code: string;
  readonly class: string;
  readonly status: number;
  readonly cells: readonly string[];
}

function codeRows(): Row[] {
  const chapters = page.split(/^## Class /m).slice(1);
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

describe('docs/failure-codes.md', () => {
  const rows = codeRows();

  it('lists every code of the catalogue once, and no other', () => {
    expect(rows.map(({ code }) => code).sort()).toEqual(Object.keys(CATALOGUE).sort());
  });

  it.each(Object.entries(CATALOGUE))('lists %s in its class, with its retry', (code, entry) => {
    const row = rows.find((one) => one.code === code);
    expect(row).toMatchObject({ class: entry.class, status: EXIT_STATUS[entry.class] });
    expect(row?.cells).toHaveLength(3);
    const [means = '', check = '', again] = row?.cells ?? [];
    expect(again).toBe(TRIED_AGAIN[entry.retry]);
    for (const text of [means, check]) expect(text).toMatch(/^[A-Z`[].*[.?]$/);
  });
});
