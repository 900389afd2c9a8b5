// Finds the first wrongly indented line of a text that is not valid YAML. One such line causes several other errors,
// and none of them names the cause. Pure.
//
// It understands only keys, dashes and multi-line text of YAML. It reports nothing if it is not sure.

export interface WrongIndentation {
  /** The first line is 1. */
  readonly line: number;
  readonly column: number;
  /** The column in which the lines above begin; the first is 1. */
  readonly expected: number;
}

const KEY = /^[A-Za-z0-9_.-]+:(?:\s|$)/;

/** A column in which lines may begin. */
interface Level {
  readonly column: number;
  /** Whether only dashes may begin there. */
  readonly isList: boolean;
}

/** The first line in a wrong column; null if there is none, or if that is not sure. */
export function wrongIndentation(text: string): WrongIndentation | null {
  const levels: Level[] = [{ column: 0, isList: false }];
  /** Whether the next line may be indented further than the last one. */
  let opens = false;
  /** Lines that are indented further than this column belong to a multi-line text. */
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
  /** Its dashes and the spaces after them. */
  readonly dashes: string;
  /** The text after the dashes, without a comment. */
  readonly rest: string;
  /** Whether it is indented by spaces and begins with a key or a dash. */
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

/** Moves to the level of the line; false if no level has its column. */
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

/** Columns have no meaning between brackets that span several lines. */
function hasOpenBracket(line: string): boolean {
  return line.split(/[[{]/).length > line.split(/[\]}]/).length;
}
