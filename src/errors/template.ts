// The one formatter for text that a person reads (law 8).
//
// Guarantees: whatever the fields hold, the result is one line, of bounded length, without control characters, and
// a foreign string can't pass for words of ours: a plain token stands as it is, everything else is quoted, escaped
// and cut. Relies on nothing. Events and errors are both templates: `Downloading update ID {id}.`

/** Longest piece of foreign text that is shown, in characters; a title or a reason fits, a page does not. */
export const FOREIGN_TEXT_LIMIT = 200;
/** Longest line that the formatter returns, in characters. */
export const LINE_LIMIT = 4_000;

/** What a placeholder may hold. A number is shown by its format; an array is joined with commas. */
export type FieldValue = string | number | boolean | null | undefined | readonly string[] | Error;

/** Names of the placeholders of a template: `'{id} at {offset:size}'` has `'id' | 'offset'`. */
export type Placeholders<T extends string> = T extends `${string}{${infer Inner}}${infer Rest}`
  ? (Inner extends `${infer Name}:${string}` ? Name : Inner) | Placeholders<Rest>
  : never;

/** The fields that a template asks for. */
export type FieldsOf<T extends string> = { readonly [Name in Placeholders<T>]: FieldValue };

const PLACEHOLDER = /\{([a-z][A-Za-z0-9]*)(?::([a-z]+))?\}/g;
/** Letters, digits and the marks of names, hosts, paths and media types: nothing that could begin a line of ours. */
const TOKEN = /^[\p{L}\p{N}._~@%+/\\:;=?&#*$!-]{1,200}$/u;

/**
 * Fills a template. Formats: none (token, or quoted text), `size` (bytes, 10^6 to the MB), `ms` (a duration in
 * milliseconds), `time` (ms since the epoch as local time without zone, the manual's form), `via` (a Via value).
 * A missing field reads `-`.
 */
export function fillTemplate(template: string, fields: Readonly<Record<string, FieldValue>>): string {
  const line = template.replaceAll(PLACEHOLDER, (_whole, name: string, format: string | undefined) =>
    show(fields[name], format),
  );
  return line.length > LINE_LIMIT ? `${line.slice(0, LINE_LIMIT - 1)}…` : line;
}

/** Makes one foreign string safe to stand inside a line of ours: a token as it is, else quoted, escaped, cut. */
export function showForeign(text: string): string {
  return TOKEN.test(text) ? text : quote(text);
}

/** A number of bytes for people: `999 bytes`, `1.5 KB`, `20.0 MB`; a MB is 10^6 bytes. */
export function showSize(bytes: number): string {
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
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  if (ms < 10_000 && ms % 1_000 !== 0) return `${(ms / 1_000).toFixed(1)} s`;
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min${seconds % 60 === 0 ? '' : ` ${seconds % 60} s`}`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h${minutes % 60 === 0 ? '' : ` ${minutes % 60} min`}`;
}

/** Local time without a zone, to the second, as the manual's log has it: `2013-06-05T00:04:10`. */
export function showLocalTime(epochMs: number): string {
  const at = new Date(epochMs);
  if (Number.isNaN(at.getTime())) return '-';
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${String(at.getFullYear()).padStart(4, '0')}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

function show(value: FieldValue, format: string | undefined): string {
  if (value === undefined || value === null || value === '') return '-';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return showNumber(value, format);
  if (value instanceof Error) return showError(value);
  if (typeof value !== 'string') return value.length === 0 ? '-' : value.map((item) => showForeign(item)).join(', ');
  return format === 'via' ? showVia(value) : showForeign(value);
}

function showNumber(value: number, format: string | undefined): string {
  if (format === 'size') return showSize(value);
  if (format === 'ms') return showDuration(value);
  if (format === 'time') return showLocalTime(value);
  return String(value);
}

/** An error of ours carries text that this formatter made; any other is foreign text. */
function showError(error: Error): string {
  const code: unknown = (error as { code?: unknown }).code;
  const ours = (error as { safeText?: unknown }).safeText;
  if (typeof ours === 'string' && typeof code === 'string') return `[${code}] ${ours}`;
  return showForeign(error.message);
}

/** RFC 9110, 7.6.3: `[protocol-name/]version received-by [comment]`, several joined by commas; comments are dropped. */
function showVia(value: string): string {
  const hops = value
    .replaceAll(/\([^()]*\)/g, '')
    .split(',')
    .map((hop) => hop.trim().split(/[ \t]+/));
  const plain = hops.every(
    ([protocol, by, ...rest]) =>
      rest.length === 0 && VIA_PROTOCOL.test(protocol ?? '') && VIA_BY.test(by ?? '') && hops.length <= VIA_HOPS,
  );
  return plain ? hops.map(([protocol, by]) => `${protocol} ${by}`).join(', ') : quote(value);
}

const VIA_PROTOCOL = /^(?:[A-Za-z][A-Za-z0-9-]{0,15}\/)?[0-9]{1,2}(?:\.[0-9]{1,2})?$/;
const VIA_BY = /^[A-Za-z0-9._[\]:-]{1,128}$/;
const VIA_HOPS = 16;

function quote(text: string): string {
  const cut = text.length > FOREIGN_TEXT_LIMIT;
  let shown = '';
  for (const character of cut ? text.slice(0, FOREIGN_TEXT_LIMIT) : text) shown += escapeCharacter(character);
  return `"${shown}${cut ? '…' : ''}"`;
}

/** Brackets are escaped as well: `[Thread: ` inside foreign text would look like the head of a line. */
function escapeCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  if (character === '\n') return '\\n';
  if (character === '[' || character === ']' || !PRINTABLE.test(character)) {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  }
  return character;
}

/** Letters, marks, numbers, punctuation, symbols and the plain space; no control, format, surrogate or separator. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u;
