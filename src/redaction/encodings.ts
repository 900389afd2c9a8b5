// The encodings in which a secret is searched for in the layers of a text (`layers.ts`). Pure.
//
// These forms are found: the plain value with any mixture of escapes, even if the value itself looks like an escape;
// `+` for a space; hex; and base64 of UTF-8 and of both UTF-16 encodings. base64 is searched for at all three
// alignments, so that a secret in the middle of a longer encoded text is also found. Any letter or digit may be
// escaped.

import { layersOf } from './layers.ts';
import type { Span } from './mask.ts';
import type { Pattern } from './pattern-set.ts';

/** The patterns that find a value, by the form of the text in which they are searched for. */
export interface Encodings {
  /** In every layer, with a space for each `+`. */
  readonly plain: readonly Pattern[];
  /** In every layer, in lower case. */
  readonly hex: Pattern;
  /** In every layer, in the form that `asBase64` returns. */
  readonly base64: readonly Pattern[];
}

/** In characters. The beginning of a longer value (a key, a signed token) is useless alone and is not searched for. */
const MAX_LENGTH_WITH_HEADS = 64;

/** The value in each of its encodings. */
export function encodingsOf(value: string): Encodings {
  const head = [...value].length <= MAX_LENGTH_WITH_HEADS;
  const bytes = Buffer.from(value, 'utf8');
  const wide = Buffer.from(value, 'utf16le');
  return {
    plain: plainOf(value),
    hex: { text: bytes.toString('hex'), head },
    base64: [bytes, wide, Buffer.from(wide).swap16()].flatMap((encoded) =>
      [0, 1, 2].map((offset) => base64Pattern(encoded, offset, head)),
    ),
  };
}

/** The value, and each form that it has after its escapes are undone: a password may be `a%41b`. */
export function plainOf(value: string): Pattern[] {
  const head = [...value].length <= MAX_LENGTH_WITH_HEADS;
  return layersOf(value).map(({ text }) => ({ text: withSpaces(text), head }));
}

/** HTML forms encode a space as `+`, so a `+` may be either. */
export function withSpaces(text: string): string {
  return text.replaceAll('+', ' ');
}

/** The text with the letters A to F in lower case, as hex digits are compared. */
export function withSmallHex(text: string): string {
  return /[A-F]/.test(text) ? text.replaceAll(/[A-F]+/g, (letters) => letters.toLowerCase()) : text;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * The base64 pattern of the bytes when `offset` bytes precede them in their group of three. The characters in the
 * middle are fixed. The first and the last may share bits with a neighboring byte; of these only the bits of the
 * value are compared.
 */
function base64Pattern(bytes: Buffer, offset: number, head: boolean): Pattern {
  const shifted = Buffer.concat([Buffer.alloc(offset), bytes]);
  const bits = shifted.length * 8;
  const first = Math.ceil((offset * 8) / 6);
  const last = Math.floor(bits / 6);
  const characters = shifted.toString('base64');
  const text = characters.slice(first, last);
  const hasBefore = offset > 0;
  const hasAfter = bits % 6 !== 0;
  // In the first shared character the low bits belong to the value, the high bits to the byte before it.
  const beforeMask = (1 << (first * 6 - offset * 8)) - 1;
  const afterMask = 63 & ~((1 << (6 - (bits % 6))) - 1);
  const [before, after] = [characters.charAt(first - 1), characters.charAt(last)];
  const fits = (found: string, from: number): Span | null => {
    const to = from + text.length;
    if (hasBefore && !agree(found.charAt(from - 1), before, beforeMask)) return null;
    if (hasAfter && !agree(found.charAt(to), after, afterMask)) return null;
    return [from - (hasBefore ? 1 : 0), to + (hasAfter ? 1 : 0)];
  };
  return { text, head, fits };
}

/** Whether the character exists and has the bits of the value. */
function agree(character: string, ours: string, mask: number): boolean {
  const value = character === '' ? -1 : ALPHABET.indexOf(character);
  return value !== -1 && ((value ^ ALPHABET.indexOf(ours)) & mask) === 0;
}
