// Finds the places in bytes where one of many strings may begin. Pure.
//
// Guarantees: every place where a string begins is found, in any of the spellings of `foldOf`. Other places may also be
// returned, so callers must compare. Most bytes are skipped (Wu and Manber, "A fast algorithm for multi-pattern
// searching", 1994). One search therefore costs a tenth of a search with `pattern-set.ts`, which also says where a
// match ends.

/** Bytes that are looked up together. */
const GRAM = 3;
/** Shorter strings are ignored, as in `pattern-set.ts`. */
const MIN_LENGTH = 4;
/** Bytes of a string that are compared. A shorter beginning of a secret at the end of a text is not one. */
const COMPARED = 8;
const TABLE_BITS = 15;
/** The fractional part of the golden ratio: it spreads similar grams over the table. */
const SPREAD = 0x9e37_79b1;

/** Each byte as it is compared: spellings that a search takes as equal are one. */
const FOLD = Uint8Array.from({ length: 256 }, (_none, byte) => foldOf(byte));

/** Hex digits in either case; the two alphabets of base64; a `+` that is a space. */
function foldOf(byte: number): number {
  const sign = String.fromCharCode(byte);
  if (/[A-F]/.test(sign)) return byte | 0x20;
  if (/[ +-]/.test(sign)) return 0x2b;
  return sign === '_' ? 0x2f : byte;
}

/** A fixed set of strings. */
export class ByteFilter {
  /** The first bytes of each string, folded. */
  readonly #starts: readonly Uint8Array[];
  /** Bytes of each string that are looked up. */
  readonly #window: number = COMPARED;
  /** By the last gram of a window: how far the window can move without passing the start of a string. */
  readonly #shifts = new Uint8Array(1 << TABLE_BITS);
  /** By the same: the strings whose window ends with it. */
  readonly #ending: ReadonlyMap<number, readonly Uint8Array[]>;
  /** A string with half a surrogate pair has no bytes in UTF-8, so every place may be its beginning. */
  readonly #isBlind: boolean;

  constructor(strings: readonly string[]) {
    this.#isBlind = strings.some((string) => !string.isWellFormed());
    this.#starts = strings.map(startOf).filter(({ length }) => length >= MIN_LENGTH);
    this.#window = Math.min(COMPARED, ...this.#starts.map(({ length }) => length));
    this.#shifts.fill(this.#window - GRAM + 1);
    for (const start of this.#starts) {
      for (let last = GRAM - 1; last < this.#window; last += 1) {
        const at = placeOf(start, last);
        this.#shifts[at] = Math.min(this.#shifts[at] ?? 0, this.#window - 1 - last);
      }
    }
    this.#ending = Map.groupBy(this.#starts, (start) => placeOf(start, this.#window - 1));
  }

  /** The first place at or after `from` where a string may begin in text in UTF-8; -1 if there is none. */
  next(bytes: Uint8Array, from: number): number {
    if (this.#isBlind) return from < bytes.length ? from : -1;
    if (this.#starts.length === 0) return -1;
    const shifts = this.#shifts;
    const toStart = this.#window - 1;
    for (let last = from + toStart; last < bytes.length; ) {
      const place = placeOf(bytes, last);
      const shift = shifts[place] ?? 0;
      if (shift > 0) last += shift;
      else if (this.#matches(place, bytes, last - toStart)) return last - toStart;
      else last += 1;
    }
    return -1;
  }

  #matches(place: number, bytes: Uint8Array, start: number): boolean {
    const strings = this.#ending.get(place);
    return strings?.some((string) => string.every((byte, at) => FOLD[bytes[start + at] ?? 0] === byte)) ?? false;
  }
}

function startOf(string: string): Uint8Array {
  return Uint8Array.from(Buffer.from(string, 'utf8').subarray(0, COMPARED), (byte) => FOLD[byte] ?? 0);
}

/** The place in the table of the gram that ends at `last`. Folding folded bytes changes nothing. */
function placeOf(bytes: Uint8Array, last: number): number {
  const gram =
    ((FOLD[bytes[last - 2] ?? 0] ?? 0) << 16) |
    ((FOLD[bytes[last - 1] ?? 0] ?? 0) << 8) |
    (FOLD[bytes[last] ?? 0] ?? 0);
  return Math.imul(gram, SPREAD) >>> (32 - TABLE_BITS);
}
