// The only formatter for text that people read (principle 8). It fills templates of events and errors, such as
// `Downloading update ID {id}.`
//
// It never throws, even if fields are missing or invalid. The result is one line of limited length without control
// characters. Text from outside cannot imitate text of this program: a plain ASCII word stays as it is, and everything
// else is quoted, escaped and shortened.

import { type Hop, hopText, readHop } from './hop.ts';

/** Longest piece of foreign text that is shown, in characters as shown; a title or a reason fits, a page does not. */
export const FOREIGN_TEXT_LIMIT = 200;
/** Longest line that the formatter returns, in characters: a dozen fields of the longest kind with the words between. */
export const LINE_LIMIT = 4_000;
/** Most of a list that is shown, in characters; the rest is counted. */
const LIST_LIMIT = 600;

/** What a placeholder may hold. A number is shown by its format; an array is joined with commas. */
export type FieldValue = string | number | boolean | null | undefined | readonly string[] | Error | Hop;

/** Names of the placeholders of a template: `'{id} at {offset:size}'` has `'id' | 'offset'`. */
type Placeholders<T extends string> = T extends `${string}{${infer Inner}}${infer Rest}`
  ?
      | (Inner extends `${string}:for` ? never : Inner extends `${infer Name}:${string}` ? Name : Inner)
      | Placeholders<Rest>
  : never;

/** The fields that a template needs; a field of the format `for` may be missing. */
export type FieldsOf<T extends string> = { readonly [Name in Placeholders<T>]: FieldValue };

/** The mark of an error whose sentence this formatter made: a symbol, so that no data from outside can carry it. */
export const SAFE_SENTENCE: unique symbol = Symbol('safe sentence');

/** How an error is shown: its sentence, its sentence and what to check, or only what to check. */
export type ErrorForm = 'sentence' | 'advised' | 'advice';

/** An error whose sentence is shown as it is. */
interface SafeError {
  [SAFE_SENTENCE](form: ErrorForm): readonly Piece[];
}

/** A part of a sentence: text of the template (`ours`), or what a field showed. */
export interface Piece {
  readonly text: string;
  readonly ours: boolean;
}

const PLACEHOLDER = /\{([a-z][A-Za-z0-9_]*)(?::([a-z]+))?\}/g;
/** Letters, digits and the marks of names, hosts, paths and media types. ASCII only: elsewhere letters look alike. */
const TOKEN = /^(?!-$)[A-Za-z0-9._~@%+/\\:;=?&#*$!-]{1,200}$/;
/** A key of the configuration; brackets hold numbers only, so it can't pass for the head of a line. */
const KEY = /^[a-z0-9_.-]{1,200}(?:\[[0-9]{1,6}\](?:\.[a-z0-9_.-]{1,200})?){0,8}$/;
/** Names of proxies that are shown as they are. */
const HOP_NAME = /^[\w.~@%+-]{1,100}$/;
/** Addresses of proxies that are shown as they are. */
const HOP_ADDRESS = /^[\w.:%[\]-]{1,280}$/;
/**
 * A phrase: tokens, quoted tokens and `proxies[0]`, with parentheses and commas. In a phrase no capital is followed by a
 * small letter. Every log line begins with such a pair, so foreign text in a phrase cannot imitate one.
 */
const WORDS =
  /^(?!.{201})(?! |-$)(?:(?:^| )\(?(?:"[\w.~@%+/:*-]+"|(?:(?![A-Z][a-z])[\w.~@%+/\\:;=?&#*$!'<>-])+(?:\[\d{1,4}\][a-z0-9_.:-]*)*)\)?,?)+$/;

/**
 * Fills a template. A missing field is shown as `-`, a missing size as `an unknown size`. Formats:
 * - none: a token, or quoted text
 * - `size`: bytes, 10^6 to the MB
 * - `ms`: a duration in milliseconds
 * - `time`: milliseconds since the epoch, as local time without a zone; `clock`: its time of day
 * - `via`: a Via value
 * - `hop`: where something failed; `at`: ` at ` and a hop, or nothing
 * - `key`: a key of the configuration, such as `proxies[0].port`
 * - `words`: a phrase, unquoted unless it could imitate a log line
 * - `advised`: an error with its advice; `advice`: its advice alone
 * - `s`: the plural `s` of the word before it, unless the number is 1
 * - `for`: ` for update ID N`, or nothing
 */
export function fillTemplate(template: string, fields: Readonly<Record<string, FieldValue>>): string {
  return joinPieces(fillPieces(template, fields));
}

/** The same in pieces, for callers that treat template text and field values differently. */
export function fillPieces(template: string, fields: Readonly<Record<string, FieldValue>>): Piece[] {
  const pieces: Piece[] = [];
  let shownTo = 0;
  for (const match of template.matchAll(PLACEHOLDER)) {
    const [whole, name = '', format] = match;
    if (match.index > shownTo) pieces.push({ text: template.slice(shownTo, match.index), ours: true });
    shownTo = match.index + whole.length;
    pieces.push(...fillPlace(fields[name], format, template[shownTo]));
  }
  if (shownTo < template.length) pieces.push({ text: template.slice(shownTo), ours: true });
  return pieces;
}

/** The words before a field that may be missing, by its format: without the field they are left out as well. */
const LEAD: Readonly<Record<string, string>> = { for: ' for update ID ', at: ' at ' };

/** One placeholder; `next` is the character of the template behind it. */
function fillPlace(value: FieldValue, format: string | undefined, next: string | undefined): readonly Piece[] {
  if (format === 's') return value === 1 ? [] : [{ text: 's', ours: true }];
  const lead = format === undefined ? undefined : LEAD[format];
  if (lead !== undefined && (value === undefined || value === null)) return [];
  const before = lead === undefined ? [] : [{ text: lead, ours: true }];
  if (isSafeError(value)) return [...before, ...withoutStop(value[SAFE_SENTENCE](errorForm(format)), next)];
  return [...before, { text: show(value, format), ours: false }];
}

function errorForm(format: string | undefined): ErrorForm {
  return format === 'advised' || format === 'advice' ? format : 'sentence';
}

/** A sentence inside another one: its full stop is dropped if the other one continues with a punctuation mark. */
function withoutStop(sentence: readonly Piece[], next = ''): readonly Piece[] {
  const last = sentence.at(-1);
  if (last?.ours !== true || !last.text.endsWith('.') || !/^[.,;:)]/.test(next)) return sentence;
  return [...sentence.slice(0, -1), { ...last, text: last.text.slice(0, -1) }];
}

/** One line of bounded length. */
export function joinPieces(pieces: readonly Piece[]): string {
  const line = pieces.map(({ text }) => text).join('');
  return line.length > LINE_LIMIT ? `${line.slice(0, LINE_LIMIT - 1).replace(/[\ud800-\udbff]$/, '')}…` : line;
}

/** Makes a foreign string safe inside a line: a token stays as it is, other text is quoted, escaped and cut. */
export function showForeign(text: string): string {
  return TOKEN.test(text) ? text : quote(text);
}

/** A number of bytes for people: `999 bytes`, `1.5 KB`, `20.0 MB`; a MB is 10^6 bytes. */
export function showSize(bytes: number): string {
  if (bytes === 1) return '1 byte';
  if (!Number.isFinite(bytes) || bytes < 1_000) return `${bytes} bytes`;
  const units = ['KB', 'MB', 'GB', 'TB', 'PB'];
  let value = bytes / 1_000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit] ?? 'PB'}`;
}

/** A duration for people: `450 ms`, `57 s`, `12 min 5 s`, `3 h 20 min`. */
export function showDuration(ms: number): string {
  if (!Number.isFinite(ms)) return `${ms} ms`;
  if (Math.round(ms) < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (ms < 9_950 && ms % 1_000 !== 0) return `${(ms / 1_000).toFixed(1)} s`;
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? '' : ` ${seconds % 60} s`}`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
}

/** Local time without a zone, to the second, as in the log of the manual: `2013-06-05T00:04:10`. */
export function showLocalTime(epochMs: number): string {
  const at = new Date(epochMs);
  const year = at.getFullYear();
  if (!(year >= 0 && year <= 9_999)) return '-';
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${String(year).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

/** The same with the zone of this host: `2026-11-20T06:07:00+01:00`, or `Z` for UTC (RFC 3339). */
export function showZonedTime(epochMs: number): string {
  const local = showLocalTime(epochMs);
  if (local === '-') return local;
  const east = -new Date(epochMs).getTimezoneOffset();
  if (east === 0) return `${local}Z`;
  const two = (value: number) => String(value).padStart(2, '0');
  const minutes = Math.abs(east);
  return `${local}${east < 0 ? '-' : '+'}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

function show(value: FieldValue, format: string | undefined): string {
  if (value === undefined || value === null || value === '') return format === 'size' ? 'an unknown size' : '-';
  if (typeof value === 'string') return showText(value, format);
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return showNumber(value, format);
  if (value instanceof Error) return showForeign(asText(value.message) || value.name);
  if (Array.isArray(value)) return showList(value, format);
  const hop = readHop(value);
  return hop === null ? showText(asText(value), format) : showHop(hop);
}

/** `this host`, `proxy corp (proxy.example.com:3128)` or `updates.example.com:443`; quoted as a whole if a part is foreign. */
function showHop(hop: Hop): string {
  const text = hopText(hop);
  if (hop.kind === 'this host') return text;
  const isPlain = hop.kind === 'proxy' && HOP_NAME.test(hop.name) && HOP_ADDRESS.test(hop.address);
  return isPlain ? text : showForeign(text);
}

function showText(text: string, format: string | undefined): string {
  if (format === 'via') return showVia(text);
  if (format === 'words' && WORDS.test(text)) return text;
  if (format === 'key' && KEY.test(text)) return text;
  return showForeign(text);
}

/** Many Via fields are one list (RFC 9110, 5.3). */
function showList(items: readonly unknown[], format: string | undefined): string {
  if (items.length === 0) return '-';
  if (format === 'via') return showVia(items.map(asText).join(', '));
  let shown = '';
  for (const [index, item] of items.entries()) {
    const piece = showText(asText(item), format);
    if (shown.length + piece.length > LIST_LIMIT) return `${shown} and ${items.length - index} more`;
    shown += index === 0 ? piece : `, ${piece}`;
  }
  return shown;
}

/** Values that the types exclude can still arrive from JSON or a library; a formatter must not throw. */
function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return 'unprintable';
  }
}

function showNumber(value: number, format: string | undefined): string {
  if (format === 'size') return showSize(value);
  if (format === 'ms') return showDuration(value);
  if (format === 'time') return showLocalTime(value);
  if (format === 'clock') return showLocalTime(value).split('T')[1] ?? '-';
  return String(value);
}

/** A coded error carries text that this formatter made; any other error is foreign text. */
function isSafeError(value: unknown): value is SafeError {
  return value instanceof Error && typeof (value as Partial<SafeError>)[SAFE_SENTENCE] === 'function';
}

/**
 * RFC 9110, 7.6.3: `[protocol-name/]version received-by [comment]`, several joined by commas. Comments, which may be
 * nested, are dropped, and so are empty list elements (5.6.1).
 */
function showVia(value: string): string {
  if (value.length > VIA_LIMIT) return quote(value);
  const hops = withoutComments(value)
    .split(',')
    .map((hop) => hop.trim())
    .filter((hop) => hop !== '')
    .map((hop) => hop.replace(/[ \t]+/, ' '));
  const plain = hops.length > 0 && hops.length <= VIA_HOPS && hops.every((hop) => VIA_HOP.test(hop));
  return plain ? hops.join(', ') : quote(value);
}

function withoutComments(value: string): string {
  let text = value;
  for (let depth = 0; depth < VIA_COMMENT_DEPTH && text.includes('('); depth += 1) {
    text = text.replaceAll(/\([^()]*\)/g, '');
  }
  return text;
}

/** Longest Via value that is parsed, in characters. */
const VIA_LIMIT = 2_000;
const VIA_HOPS = 16;
const VIA_COMMENT_DEPTH = 4;
/** A pseudonym or host, or an IPv6 address in brackets, and a port: `[INFO]` is none of them. */
const VIA_HOP =
  /^(?:[A-Za-z][A-Za-z0-9-]{0,15}\/)?\d{1,2}(?:\.\d{1,2})? (?:[A-Za-z0-9._-]{1,128}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

function quote(text: string): string {
  let shown = '';
  let marks = MARKS_LIMIT;
  for (const character of text) {
    if (shown.length >= FOREIGN_TEXT_LIMIT) return `"${shown}…"`;
    marks = MARK.test(character) ? marks + 1 : 0;
    shown += marks > MARKS_LIMIT ? escapeCodePoint(character) : escapeCharacter(character);
  }
  return `"${shown}"`;
}

/** Brackets are escaped as well: `[Thread: ` inside foreign text would look like the start of a log line. */
function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  if (character === '\n') return '\\n';
  if (character === '[' || character === ']' || !PRINTABLE.test(character)) return escapeCodePoint(character);
  return character;
}

function escapeCodePoint(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** A combining mark joins the character before it: none may join the opening quote, and at most three join a letter. */
const MARK = /^\p{M}$/u;
const MARKS_LIMIT = 3;
/**
 * Letters, marks, numbers, punctuation, symbols and the plain space; no control, format, surrogate or separator, and no
 * invisible character (U+3164 is a letter).
 */
const PRINTABLE = /^(?!\p{Default_Ignorable_Code_Point})[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;

/**
 * Breaks a text into lines of at most `width` characters. Lines after the first begin with `indent` spaces. A word
 * longer than a line, such as a URL, is not broken and gets a line of its own.
 */
export function wrapWords(text: string, width: number, indent = 0): string[] {
  const lines: string[] = [];
  const margin = ' '.repeat(indent);
  let line = /^ */.exec(text)?.[0] ?? '';
  let isEmpty = true;
  // Spaces inside a line may separate columns, so they stay.
  for (const [, blanks = '', word = ''] of text.trimStart().matchAll(/( *)([^ ]+)/g)) {
    if (!isEmpty && line.length + blanks.length + word.length > width) {
      lines.push(line);
      line = margin;
      isEmpty = true;
    }
    line += isEmpty ? word : `${blanks}${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
