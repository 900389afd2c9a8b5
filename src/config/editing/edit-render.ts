// Renders a value as YAML for a configuration file: in one line, or as a block of lines. Pure.
//
// Guarantees: the YAML parses to the same value in a block and between brackets. Parsers of YAML 1.1, which treat `no`
// and `1_000` in another way, also read the same value.

/** A value in the file: text, number, switch, null, or a list or section of these. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

/** How the surrounding text writes scalars; `json` if all its keys are in double quotes. */
export type Style = 'plain' | 'single' | 'double' | 'json';

/** Text that is valid without quotes everywhere, and that every parser reads as text unless it is in `NOT_TEXT`. */
const BARE = /^[A-Za-z/_](?:[A-Za-z0-9_.@+/~-]|:(?=\/))*$/;
const NOT_TEXT = /^(?:true|false|yes|no|on|off|y|n|null)$/i;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
/** Characters that must be escaped, which is possible only in double quotes. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\ufeff]/u;
const MAX_INLINE_KEYS = 2;

export function isSection(value: unknown): value is Readonly<Record<string, Plain>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: unknown): value is readonly Plain[] {
  return Array.isArray(value);
}

/** The value in one line, to follow a key or a dash, or for use between brackets. */
export function renderInline(value: Plain, style: Style): string {
  if (isList(value))
    return value.length === 0 ? '[]' : `[ ${value.map((one) => renderInline(one, style)).join(', ')} ]`;
  if (isSection(value)) {
    const pairs = Object.entries(value).map(([key, one]) => renderInlinePair(key, one, style));
    return pairs.length === 0 ? '{}' : `{ ${pairs.join(', ')} }`;
  }
  return typeof value === 'string' ? renderText(value, style) : String(value);
}

/** `key: value`, in one line. */
export function renderInlinePair(key: string, value: Plain, style: Style): string {
  return `${renderText(key, style === 'json' ? 'json' : 'plain')}: ${renderInline(value, style)}`;
}

/** The position of a block of lines. */
export interface BlockPlace {
  /** Number of spaces before each line. */
  readonly column: number;
  /** Indentation of a section below its key, in spaces; `dashStep` is that of the dashes of a list. */
  readonly step: number;
  readonly dashStep: number;
}

/** A key and its value as lines, without line ends. */
export function renderPairLines(key: string, value: Plain, place: BlockPlace): string[] {
  const head = `${' '.repeat(place.column)}${renderText(key, 'plain')}:`;
  if (isList(value) && value.length > 0) {
    return [head, ...renderItems(value, { ...place, column: place.column + place.dashStep })];
  }
  if (isSection(value) && !isShort(value, place.column)) {
    const inner = { ...place, column: place.column + place.step };
    return [head, ...Object.entries(value).flatMap(([name, part]) => renderPairLines(name, part, inner))];
  }
  return [`${head} ${renderInline(value, 'plain')}`];
}

/** An entry of a list as lines. The dash of the first line is at the column. */
export function renderItemLines(value: Plain, place: BlockPlace): string[] {
  const dash = ' '.repeat(place.column);
  if (!isSection(value) || Object.keys(value).length === 0) return [`${dash}- ${renderInline(value, 'plain')}`];
  const inner = { ...place, column: place.column + 2 };
  const lines = Object.entries(value).flatMap(([key, part]) => renderPairLines(key, part, inner));
  return lines.map((line, index) => (index === 0 ? `${dash}- ${line.trimStart()}` : line));
}

function renderItems(values: readonly Plain[], place: BlockPlace): string[] {
  return values.flatMap((value) => renderItemLines(value, place));
}

/** Short sections, such as the source of a secret, stay in one line; a section at the margin never does. */
function isShort(section: Readonly<Record<string, Plain>>, column: number): boolean {
  const values = Object.values(section);
  if (values.length === 0) return true;
  return column > 0 && values.length <= MAX_INLINE_KEYS && values.every((one) => typeof one !== 'object');
}

function renderText(text: string, style: Style): string {
  if (style === 'json' || style === 'double' || UNPRINTABLE.test(text)) return inDoubleQuotes(text);
  const isBare = (BARE.test(text) && !NOT_TEXT.test(text)) || IPV4.test(text);
  return isBare && style === 'plain' ? text : `'${text.replaceAll("'", "''")}'`;
}

function inDoubleQuotes(text: string): string {
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}
