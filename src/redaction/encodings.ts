// The ways in which a secret can stand in a text, as the source of one regular expression. Pure.
//
// Covered: raw, percent-encoded (both hex cases, up to three times, `+` for a space, also of a JSON string) and
// HTML-escaped, in any mixture; JSON-escaped, once or twice, and escaped by our own formatter; each of these also read as
// Latin-1, as HTTP headers are; hex; base64 and base64url at all three alignments, so that a secret in the middle of a
// longer encoded text is found as well. Letters and digits stand for themselves in every escaping.

/** A source for `new RegExp(source, 'u')` that matches the value in each of its encodings. */
export function encodingsSource(value: string): string {
  const characters = [...value];
  const bytes = Buffer.from(value, 'utf8');
  const sources = [
    // The deeper first: of `\\\\` the raw form would take one backslash and leave the other to spoil the JSON.
    characters.map((character) => escapedForm(character, 2)).join(''),
    characters.map((character) => escapedForm(character, 1)).join(''),
    webSource(value),
    anyCase(bytes.toString('hex')),
    ...[0, 1, 2].map((offset) => base64Pieces(bytes, offset).join('')),
  ];
  return [...new Set(sources)].join('|');
}

/** The same for a value as web pages and URLs have it alone: raw, percent-encoded or HTML-escaped. */
export function webSource(value: string): string {
  return [...value].map(webForm).join('');
}

/** So much of a form at the end of a text is no chance any more, in characters of that form. */
const SHORTEST_HEAD = 8;
const LONGEST_WITH_HEADS = 64;
/** An escape that was cut in its middle, or half a byte in hex. */
const CUT_ESCAPE = '(?:[%&\\\\][#%0-9A-Za-z]{0,11}|[0-9A-Fa-f])?';
/** Where a text was cut: at its end, before an ellipsis of ours, or before a query that is not shown. */
const CUT = '(?=(?:…|\\?\\*\\*\\*)?$)';

/**
 * A source that matches the beginning of the value, in each of its encodings, where a text ends with it: titles and URLs
 * are cut before anybody looks for secrets in them. Null for a value that is too short to have such a beginning, or
 * too long for one expression: of those (keys, signed tokens) a part is no use to anybody.
 */
export function headsSource(value: string): string | null {
  const characters = [...value];
  if (characters.length > LONGEST_WITH_HEADS) return null;
  const bytes = Buffer.from(value, 'utf8');
  const pairs = Array.from(bytes, (byte) => anyCase(byte.toString(16).padStart(2, '0')));
  const heads = [
    headSource(characters.map(webForm), SHORTEST_HEAD),
    headSource(
      characters.map((character) => escapedForm(character, 1)),
      SHORTEST_HEAD,
    ),
    headSource(pairs, SHORTEST_HEAD / 2),
    ...[0, 1, 2].map((offset) => headSource(base64Pieces(bytes, offset), SHORTEST_HEAD)),
  ].filter((head) => head !== null);
  return heads.length === 0 ? null : `(?:${[...new Set(heads)].join('|')})${CUT_ESCAPE}${CUT}`;
}

/** At least so many of the pieces, then as many as there are. */
function headSource(pieces: readonly string[], least: number): string | null {
  if (pieces.length <= least) return null;
  const more = pieces.slice(least).reduceRight((rest, piece) => `(?:${piece}${rest})?`, '');
  return pieces.slice(0, least).join('') + more;
}

/** Raw, percent-encoded or HTML-escaped. The longer forms first, so that no half of an escape is left behind. */
function webForm(character: string): string {
  if (PLAIN.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  const forms = [
    ...percentForms(character),
    ...(NAMED_HTML[character] ?? []).map((name) => `&${name};`),
    `&#0{0,6}${code};`,
    `&#[xX]0{0,6}${anyCase(code.toString(16))};`,
    ...(character === ' ' ? ['\\+'] : []),
    ...(code < 0x80 ? [] : [literal(asLatin1(character))]),
    literal(character),
  ];
  return `(?:${forms.join('|')})`;
}

/** As UTF-8, with the backslash that JSON puts before it, and by those who percent-encode Latin-1. */
function percentForms(character: string): string[] {
  const escaped = JSON.stringify(character).slice(1, -1);
  const latin1 = (character.codePointAt(0) ?? 0) < 0x100 ? [Buffer.from(character, 'latin1')] : [];
  const spellings = [Buffer.from(escaped, 'utf8'), Buffer.from(character, 'utf8'), ...latin1];
  return [...new Set(spellings.map((bytes) => hexEscapes('%(?:25){0,2}', bytes)))];
}

/** What a reader of headers sees who takes each byte for a character. */
function asLatin1(character: string): string {
  return Buffer.from(character, 'utf8').toString('latin1');
}

/**
 * As a JSON string or our own formatter has it, or a JSON string inside another. A backslash of a depth always begins
 * an escape of that depth, so there is one way to read a text and no backtracking over many.
 */
function escapedForm(character: string, depth: 1 | 2): string {
  if (PLAIN.test(character)) return character;
  const misread = asLatin1(character);
  if (misread === character) return escapedCharacter(character, depth);
  const bytes = [...misread].map((byte) => escapedCharacter(byte, depth)).join('');
  return `(?:${bytes}|${escapedCharacter(character, depth)})`;
}

function escapedCharacter(character: string, depth: 1 | 2): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  const mark = '\\\\'.repeat(depth);
  const units = Array.from({ length: character.length }, (_none, index) => character.charCodeAt(index));
  const forms = [
    units.map((unit) => `${mark}u${anyCase(unit.toString(16).padStart(4, '0'))}`).join(''),
    `${mark}u\\{0{0,6}${anyCase(code)}\\}`,
    ...(SHORT_ESCAPES[character] ?? []).map((letter) => mark + escapedLetter(letter, depth)),
    ...(character === '"' || character === '\\' ? [] : [literal(character)]),
  ];
  return `(?:${forms.join('|')})`;
}

/** Quote and backslash are escaped once more one level up, as `\\"` within `\\\"`. */
function escapedLetter(letter: string, depth: 1 | 2): string {
  const again = depth === 2 && (letter === '"' || letter === '\\');
  return (again ? '\\\\' : '') + literal(letter);
}

/** Stands for itself in every escaping. */
const PLAIN = /^[A-Za-z0-9]$/;

const SHORT_ESCAPES: Readonly<Record<string, readonly string[]>> = {
  '"': ['"'],
  '\\': ['\\'],
  '/': ['/'],
  '\b': ['b'],
  '\f': ['f'],
  '\n': ['n'],
  '\r': ['r'],
  '\t': ['t'],
};

const NAMED_HTML: Readonly<Record<string, readonly string[]>> = {
  '&': ['amp'],
  '<': ['lt'],
  '>': ['gt'],
  '"': ['quot'],
  "'": ['apos'],
};

function hexEscapes(mark: string, bytes: Buffer): string {
  return Array.from(bytes, (byte) => mark + anyCase(byte.toString(16).padStart(2, '0'))).join('');
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * The value in base64 when `offset` bytes stand before it in its group of three. The characters in the middle are fixed;
 * the first and the last may share bits with a neighbour, and are then one of the few that fit.
 */
function base64Pieces(bytes: Buffer, offset: number): string[] {
  const bits = bytes.length * 8;
  const start = offset * 8;
  const pieces: string[] = [];
  for (let index = Math.floor(start / 6); index * 6 < start + bits; index += 1) {
    pieces.push(sextetSource(bytes, index * 6 - start));
  }
  return pieces;
}

/** The six bits from `from` on; bits outside the value are not known. */
function sextetSource(bytes: Buffer, from: number): string {
  let fitting = Array.from(ALPHABET, (_character, value) => value);
  for (let bit = 0; bit < 6; bit += 1) {
    const at = from + bit;
    const byte = bytes[at >> 3];
    if (at < 0 || byte === undefined) continue;
    const wanted = (byte >> (7 - (at & 7))) & 1;
    fitting = fitting.filter((value) => ((value >> (5 - bit)) & 1) === wanted);
  }
  const characters = fitting.map((value) => ALPHABET[value] ?? '').join('');
  if (characters.length === 1) return base64Character(characters);
  return `(?:[${characters.replaceAll('/', '\\/')}${urlSafe(characters)}]${escapedSigns(characters)})`;
}

function base64Character(character: string): string {
  if (character === '+') return '(?:[+\\-]|%2[bB])';
  if (character === '/') return '(?:\\\\?\\/|_|%2[fF])';
  return character;
}

const urlSafe = (characters: string) => (characters.includes('+') ? '\\-' : '') + (characters.includes('/') ? '_' : '');

const escapedSigns = (characters: string) =>
  (characters.includes('+') ? '|%2[bB]' : '') + (characters.includes('/') ? '|\\\\\\/|%2[fF]' : '');

function anyCase(hex: string): string {
  return hex.replaceAll(/[a-f]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);
}

function literal(character: string): string {
  return character.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
