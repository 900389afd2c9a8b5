// Finds the first line of a YAML file whose indentation is wrong, where the file is no YAML or has keys in the wrong place:
// one line in a wrong column makes several other mistakes, and none of them says so. Pure.
//
// It knows keys, dashes and text over several lines, and nothing else of YAML: what it is not sure of is no mistake.

export interface WrongIndentation {
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** The column that the lines above begin in, from 1. */
  readonly expected: number;
}

const KEY = /^[A-Za-z0-9_.-]+:(?:\s|$)/;

/** A column that lines may begin in. */
interface Level {
  readonly column: number;
  /** Whether only dashes begin there. */
  readonly isList: boolean;
}

/** The first line in a wrong column; null where there is none, or where that cannot be told. */
export function wrongIndentation(text: string): WrongIndentation | null {
  const levels: Level[] = [{ column: 0, isList: false }];
  /** Whether something may begin below the last line, further in. */
  let opens = false;
  /** Lines further in than this column belong to a text over several lines. */
  let textUnder = Number.POSITIVE_INFINITY;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const line = readLine(raw);
    if (line === null || line.column > textUnder) continue;
    if (!line.isSure) return null;
    const expected = columnOf(levels) + 1;
    if (!place(levels, line, opens)) return { line: index + 1, column: line.column + 1, expected };
    if (hasOpenBracket(line.rest)) return null;
    textUnder = /:\s+[|>][+-]?\d?$/.test(line.rest) ? columnOf(levels) : Number.POSITIVE_INFINITY;
    opens = line.rest === '' || line.rest.endsWith(':');
  }
  return null;
}

interface Line {
  readonly column: number;
  /** Its dashes and the spaces behind them. */
  readonly dashes: string;
  /** What stands behind, without a comment. */
  readonly rest: string;
  /** Whether it begins as lines with a column of their own do. */
  readonly isSure: boolean;
}

/** Null for a blank line and a comment. */
function readLine(raw: string): Line | null {
  const content = raw.trimStart();
  if (content === '' || content.startsWith('#')) return null;
  const column = raw.length - content.length;
  const dashes = /^(?:-\s+)+|^-$/.exec(content)?.[0] ?? '';
  const rest = content.slice(dashes.length).replace(/\s+#.*$/, '');
  const isIndentedBySpaces = !raw.slice(0, column).includes('\t');
  return { column, dashes, rest, isSure: isIndentedBySpaces && (KEY.test(rest) || dashes !== '') };
}

/** Goes to the level of the line; false where there is none. */
function place(levels: Level[], { column, dashes, rest }: Line, opens: boolean): boolean {
  if (column > columnOf(levels) && opens) levels.push({ column, isList: dashes !== '' });
  while (levels.length > 1 && columnOf(levels) > column) levels.pop();
  const level = levels.at(-1);
  if (level?.column !== column || (level.isList && dashes === '')) return false;
  if (KEY.test(rest) && dashes !== '') levels.push({ column: column + dashes.length, isList: false });
  return true;
}

function columnOf(levels: readonly Level[]): number {
  return levels.at(-1)?.column ?? 0;
}

/** Brackets over several lines have no columns. */
function hasOpenBracket(line: string): boolean {
  return line.split(/[[{]/).length > line.split(/[\]}]/).length;
}
