// How a value is written into a configuration file by a command: in one line, or as a block of lines. Pure.
//
// Guarantees: what is written here reads back as the same value wherever it stands, in a block or between brackets, and
// means the same to readers of YAML 1.1 (`no`, `1_000`) as to ours.

/** A value of the file: text, number, switch, nothing, and lists and sections of these. */
export type Plain = string | number | boolean | null | readonly Plain[] | { readonly [key: string]: Plain };

/** How the text around writes its scalars: `json` where every key there is in double quotes. */
export type Style = 'plain' | 'single' | 'double' | 'json';

/** Text that needs no quotes anywhere, and that no reader takes for something else than text. */
const BARE = /^[A-Za-z/_](?:[A-Za-z0-9_.@+/~-]|:(?=\/))*$/;
const NOT_TEXT = /^(?:true|false|yes|no|on|off|y|n|null)$/i;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
/** What would end or change a text in quotes; it is escaped, which only double quotes can. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}\ufeff]/u;
const MAX_INLINE_KEYS = 2;

export function isSection(value: unknown): value is Readonly<Record<string, Plain>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: unknown): value is readonly Plain[] {
  return Array.isArray(value);
}

/** In one line, as it may stand behind a key, a dash, or between brackets. */
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

/** Where a block of lines stands. */
export interface BlockPlace {
  /** Spaces in front of each line. */
  readonly column: number;
  /** How far a section is indented under its key, and the dash of a list under its. */
  readonly step: number;
  readonly dashStep: number;
}

/** A key with its value as lines, without their ends. */
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

/** An entry of a list as lines, the first with its dash at the column. */
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

/** Where a secret comes from stays in one line: `password: { file: ... }`. A section at the margin never does. */
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
