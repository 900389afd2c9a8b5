// The ways in which a secret can stand in a text, as the source of one regular expression. Pure.
//
// Covered: raw, percent-encoded (both hex cases, `+` for a space) and HTML-escaped, in any mixture; JSON-escaped, once or
// twice, and escaped by our own formatter; hex; base64 and base64url at all three alignments, so that a secret in the middle
// of a longer encoded text is found as well. Letters and digits stand for themselves in every escaping.

/** A source for `new RegExp(source, 'u')` that matches the value in each of its encodings. */
export function encodingsSource(value: string): string {
  const characters = [...value];
  const bytes = Buffer.from(value, 'utf8');
  const sources = [
    // The deeper first: of `\\\\` the raw form would take one backslash and leave the other to spoil the JSON.
    characters.map((character) => escapedForm(character, 2)).join(''),
    characters.map((character) => escapedForm(character, 1)).join(''),
    characters.map(webForm).join(''),
    anyCase(bytes.toString('hex')),
    ...[0, 1, 2].map((offset) => base64Source(bytes, offset)),
  ];
  return [...new Set(sources)].join('|');
}

/** Raw, percent-encoded or HTML-escaped. The longer forms first, so that no half of an escape is left behind. */
function webForm(character: string): string {
  if (PLAIN.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  const forms = [
    hexEscapes('%', Buffer.from(character, 'utf8')),
    ...(NAMED_HTML[character] ?? []).map((name) => `&${name};`),
    `&#0{0,6}${code};`,
    `&#[xX]0{0,6}${anyCase(code.toString(16))};`,
    ...(character === ' ' ? ['\\+'] : []),
    literal(character),
  ];
  return `(?:${forms.join('|')})`;
}

/**
 * As a JSON string or our own formatter has it, or a JSON string inside another. A backslash of a depth always begins
 * an escape of that depth, so there is one way to read a text and no backtracking over many.
 */
function escapedForm(character: string, depth: 1 | 2): string {
  if (PLAIN.test(character)) return character;
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
function base64Source(bytes: Buffer, offset: number): string {
  const bits = bytes.length * 8;
  const start = offset * 8;
  let source = '';
  for (let index = Math.floor(start / 6); index * 6 < start + bits; index += 1) {
    source += sextetSource(bytes, index * 6 - start);
  }
  return source;
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
