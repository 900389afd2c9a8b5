// The characters that each field accepts, as the manual of the sensor lists them, and the message that the menu shows
// for any other character. Pure.

export type FieldName = 'host' | 'port' | 'user' | 'password' | 'pin' | 'key';

const UPPER = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
const LOWER = 'abcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';

/** In the order in which Up shows them. */
export const CHARACTERS: Readonly<Record<FieldName, string>> = {
  host: `${UPPER}${DIGITS}.-`,
  port: DIGITS,
  user: `${LOWER}${UPPER}${DIGITS}_-\\@.`,
  password: `${LOWER}${UPPER}${DIGITS}_-\\/|~!?@#$%^&*+=(){}[]<>:;"\`,.`,
  pin: DIGITS,
  key: `${UPPER}${DIGITS}`,
};

/** Maximum length of each field, in characters. A DNS name has at most 253 (RFC 1035, 2.3.4, without the final dot). */
export const MAX_LENGTH: Readonly<Record<FieldName, number>> = {
  host: 253,
  port: 5,
  user: 255,
  password: 255,
  pin: 12,
  key: 16,
};

/** Fields whose letters are upper case: a typed lower-case letter is converted. */
const FOLDED: ReadonlySet<FieldName> = new Set(['host', 'key']);

/** The character as the field stores it; null if the field does not accept it. */
export function acceptCharacter(field: FieldName, character: string): string | null {
  const folded = FOLDED.has(field) ? character.toUpperCase() : character;
  return folded.length === 1 && CHARACTERS[field].includes(folded) ? folded : null;
}

const NAMES: Readonly<Record<string, string>> = {
  ' ': 'SPACE',
  '!': 'EXCLAMATION MARK',
  '"': 'QUOTATION MARK',
  '#': 'NUMBER SIGN',
  $: 'DOLLAR SIGN',
  '%': 'PERCENT SIGN',
  '&': 'AMPERSAND',
  "'": 'APOSTROPHE',
  '(': 'LEFT PAREN',
  ')': 'RIGHT PAREN',
  '*': 'ASTERISK',
  '+': 'PLUS SIGN',
  ',': 'COMMA',
  '-': 'HYPHEN',
  '.': 'DOT',
  '/': 'SLASH',
  ':': 'COLON',
  ';': 'SEMICOLON',
  '<': 'LESS-THAN SIGN',
  '=': 'EQUALS SIGN',
  '>': 'GREATER-THAN SIGN',
  '?': 'QUESTION MARK',
  '@': 'AT SIGN',
  '[': 'LEFT BRACKET',
  '\\': 'BACKSLASH',
  ']': 'RIGHT BRACKET',
  '^': 'CARET',
  _: 'UNDERSCORE',
  '`': 'BACKTICK',
  '{': 'LEFT BRACE',
  '|': 'VERTICAL BAR',
  '}': 'RIGHT BRACE',
  '~': 'TILDE',
  '\n': 'LINE BREAK',
  '\r': 'LINE BREAK',
  '\t': 'TAB',
};

/** A character in words, so that a screen never shows a character of a password. */
export function nameCharacter(character: string): string {
  const known = NAMES[character];
  if (known !== undefined) return known;
  if (/^[A-Za-z]$/.test(character)) return 'LETTER';
  if (/^[0-9]$/.test(character)) return 'DIGIT';
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return 'CONTROL CHARACTER';
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}
