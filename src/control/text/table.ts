// Lays out tables: columns as wide as their widest cell, separated by two spaces, without trailing spaces. Numbers are
// aligned right. Pure.
//
// If a window is too narrow, empty columns are left out. Then the last column wraps between words or moves below its
// row. If the table still does not fit, each row becomes a block of lines.

import { wrapWords } from '#errors/template.ts';

type Cell = string | number;
type Cells = readonly Cell[];

const GAP = '  ';
/** Minimum width of a last column that wraps, in characters. */
const MIN_LAST_COLUMN = 20;

/** Lays out rows under their heads in at most `width` characters. The caller has escaped foreign text in the cells. */
export function formatTable(
  heads: readonly string[],
  rows: readonly Cells[],
  width = Number.POSITIVE_INFINITY,
): string[] {
  const whole = linesOf(heads, rows);
  if (fits(whole, width)) return whole;
  const isFilled = heads.map((_head, column) => rows.some((row) => String(row[column] ?? '') !== ''));
  const without = (cells: Cells) => cells.filter((_cell, column) => isFilled[column]);
  return formatNarrow(
    heads.filter((_head, column) => isFilled[column]),
    rows.map(without),
    width,
  );
}

/** Tries the table as it is, then with the last column wrapped, then with it below each row, then blocks. */
function formatNarrow(heads: readonly string[], rows: readonly Cells[], width: number): string[] {
  const whole = linesOf(heads, rows);
  if (fits(whole, width)) return whole;
  const before = linesOf(
    heads.slice(0, -1),
    rows.map((row) => row.slice(0, -1)),
  );
  const indent = Math.max(...before.map(({ length }) => length)) + GAP.length;
  if (width - indent >= MIN_LAST_COLUMN) return whole.flatMap((line) => wrapWords(line, width, indent));
  if (!fits(before, width)) return rows.flatMap((row) => blockOf(heads, row, width));
  const [headLine = '', ...lines] = before;
  return [headLine, ...lines.flatMap((line, index) => [line, ...lastOf(heads, rows[index] ?? [], width)])];
}

function lastOf(heads: readonly string[], row: Cells, width: number): string[] {
  const value = String(row.at(-1) ?? '');
  return value === '' || value === '-' ? [] : formatRows([[heads.at(-1) ?? '', value]], { width });
}

function fits(lines: readonly string[], width: number): boolean {
  return lines.every(({ length }) => length <= width);
}

function linesOf(heads: readonly string[], rows: readonly Cells[]): string[] {
  const widths = heads.map((head, column) =>
    Math.max(head.length, ...rows.map((row) => String(row[column] ?? '').length)),
  );
  return [heads, ...rows].map((cells) => lineOf(cells, widths));
}

function lineOf(cells: Cells, widths: readonly number[]): string {
  return cells
    .map((cell, column) => {
      const width = widths[column] ?? 0;
      return typeof cell === 'number' ? String(cell).padStart(width) : cell.padEnd(width);
    })
    .join(GAP)
    .trimEnd();
}

/** The first cell, and below it the other nonempty cells, each with its head. */
function blockOf(heads: readonly string[], [first = '', ...cells]: Cells, width: number): string[] {
  const labels = heads.slice(1);
  const widest = Math.max(...labels.map(({ length }) => length));
  const parts = cells.flatMap((cell, index) =>
    cell === '' || cell === '-' ? [] : [[labels[index] ?? '', String(cell)] as const],
  );
  return [String(first), ...formatRows(parts, { width, widest })];
}

/** Labels and values, indented. A value wraps within its column, or below its label if the column is too narrow. */
export function formatRows(
  rows: readonly (readonly [label: string, value: string])[],
  { width, widest = Math.max(0, ...rows.map(([label]) => label.length)) }: { width: number; widest?: number },
): string[] {
  const indent = GAP.length + widest + GAP.length;
  return rows.flatMap(([label, value]) => {
    const line = `${GAP}${label.padEnd(widest)}${GAP}${value}`;
    if (line.length <= width) return [line];
    // A long word such as a URL may also need the width of the label.
    const maxLength = Math.max(...value.split(' ').map(({ length }) => length));
    if (width - indent >= Math.max(MIN_LAST_COLUMN, maxLength)) return wrapWords(line, width, indent);
    return [
      ...wrapWords(`${GAP}${label}`, width, GAP.length),
      ...wrapWords(`${GAP}${GAP}${value}`, width, GAP.length * 2),
    ];
  });
}
