// What a secret is looked for as, in the layers of a text (`layers.ts`). Pure.
//
// Covered: as it is, in any mixture of escapes, also where it looks like an escape itself; `+` for a space; hex; base64
// of UTF-8 and of both UTF-16 at all three alignments, so that a secret in the middle of a longer encoded text is found
// as well. Letters and digits may be escaped one by one.

import { layersOf } from './layers.ts';
import type { Span } from './mask.ts';
import type { Pattern } from './pattern-set.ts';

/** What finds a value, by the kind of text that it is looked for in. */
export interface Encodings {
  /** In every layer, with a space for each `+`. */
  readonly plain: readonly Pattern[];
  /** In every layer, in small letters. */
  readonly hex: Pattern;
  /** In every layer, as `asBase64` makes it. */
  readonly base64: readonly Pattern[];
}

/** Of longer values (keys, signed tokens) a part is no use to anybody. */
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

/** The value as it is, and as a text reads that holds it: a password may be `a%41b`. */
export function plainOf(value: string): Pattern[] {
  const head = [...value].length <= MAX_LENGTH_WITH_HEADS;
  return layersOf(value).map(({ text }) => ({ text: withSpaces(text), head }));
}

/** Forms write a space as `+`, and nobody can tell which one was meant. */
export function withSpaces(text: string): string {
  return text.replaceAll('+', ' ');
}

/** In small letters where it is hex. */
export function withSmallHex(text: string): string {
  return /[A-F]/.test(text) ? text.replaceAll(/[A-F]+/g, (letters) => letters.toLowerCase()) : text;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/**
 * The bytes in base64 when `offset` bytes stand before them in their group of three. The characters in the middle are
 * fixed; the first and the last may share bits with a neighbor, and then only their own bits are compared.
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
  // The bits of the character before that are ours: those below the bits of the neighbor.
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

/** Whether a character is there, and has our bits. */
function agree(character: string, ours: string, mask: number): boolean {
  const value = character === '' ? -1 : ALPHABET.indexOf(character);
  return value !== -1 && ((value ^ ALPHABET.indexOf(ours)) & mask) === 0;
}
