// The registry of every secret that this process knows, and the function that masks them all (principle 8).
//
// Guarantees: after `redact`, a text contains no registered value in any encoding of `encodings.ts`. Overlapping values
// are both masked completely. If a text was cut, the beginning of a value at its end is also masked. The cost depends
// on the length of the text, not on the number of secrets. Every renderer must call it last. Values that are too short
// are not masked; the module that resolves a secret warns about this. Of values that are sent only once, such as the
// proof of a password, only the latest are kept, and hex and base64 are not searched: a daemon makes thousands of them.

import { ByteFilter } from './byte-filter.ts';
import { type Encodings, encodingsOf, plainOf, withSmallHex, withSpaces } from './encodings.ts';
import { findsInLayers } from './escaped-bytes.ts';
import { asBase64, type Layer, layersOf } from './layers.ts';
import { mask, type Span } from './mask.ts';
import { type End, PatternSet } from './pattern-set.ts';
import { Secret } from './secret.ts';

/** Minimum length in characters of a value that is masked; shorter ones would mask ordinary words. */
export const MIN_MASKED_LENGTH = 4;

/**
 * Maximum length in characters of a piece. Longer values are searched for in pieces, which limits the cost of a
 * comparison.
 */
const PIECE_LENGTH = 256;

/** Maximum number of pieces of once-sent values that are kept; a proof has one to three. */
const MAX_PASSING = 24;

/** Our mark at the end of a text that was cut: an ellipsis, or `?***` for a query that is not shown. */
const CUT = /(?:…|\?\*\*\*)$/;
/** An escape, or a character that was decoded byte by byte, cut in its middle. */
const CUT_ESCAPE = /(?:[%&\\][#%0-9A-Za-z]{0,11}|[\u00c2-\u00f4][\u0080-\u00bf]{0,2})$/;
const MAX_CUT_ESCAPE_LENGTH = 12;

/** Masks the values that were registered with it. */
export class KnownSecrets {
  readonly #values = new Set<string>();
  readonly #plain = new PatternSet();
  readonly #hex = new PatternSet();
  readonly #base64 = new PatternSet();
  /** Values that are sent once, the oldest first. */
  readonly #passing = new Set<string>();
  #passingPlain = new PatternSet();
  /** Every pattern; null until it is needed, and after a change. */
  #filter: ByteFilter | null = null;

  /** Registers a value. A value that is known, or shorter than `MIN_MASKED_LENGTH`, changes nothing. */
  add(secret: Secret | string, use?: 'once'): void {
    const value = secret instanceof Secret ? secret.reveal() : secret;
    for (const piece of piecesOf(value)) {
      if (this.#values.has(piece)) continue;
      this.#filter = null;
      if (use === 'once') this.#addPassing(piece);
      else this.#addLasting(piece);
    }
  }

  #addLasting(piece: string): void {
    this.#values.add(piece);
    const { plain, hex, base64 }: Encodings = encodingsOf(piece);
    for (const pattern of plain) this.#plain.add(pattern);
    this.#hex.add(hex);
    for (const pattern of base64) this.#base64.add(pattern);
  }

  #addPassing(piece: string): void {
    this.#passing.delete(piece);
    this.#passing.add(piece);
    for (const oldest of this.#passing) {
      if (this.#passing.size <= MAX_PASSING) break;
      this.#passing.delete(oldest);
    }
    this.#passingPlain = new PatternSet();
    for (const value of this.#passing) for (const pattern of plainOf(value)) this.#passingPlain.add(pattern);
  }

  /** The text with `***` in place of every registered value. */
  redact(text: string): string {
    const spans = this.spans(text);
    return spans.length === 0 ? text : mask(text, spans);
  }

  /** The spans of registered values, unordered; they may overlap. */
  spans(text: string): Span[] {
    if (this.#values.size === 0 && this.#passing.size === 0) return [];
    return layersOf(text).flatMap((layer) => this.spansIn(layer));
  }

  /** The same in a single layer of a text, for callers that also need its layers. */
  spansIn(layer: Layer): Span[] {
    if (this.#values.size === 0 && this.#passing.size === 0) return [];
    return [
      ...spansIn(this.#plain, layer, withSpaces(layer.text)),
      ...spansIn(this.#passingPlain, layer, withSpaces(layer.text)),
      ...spansIn(this.#hex, layer, withSmallHex(layer.text)),
      ...this.#spansInBase64(asBase64(layer)),
    ];
  }

  /**
   * The first place at or after `from` where a value may begin in text in UTF-8, as an offset; -1 if `spans` finds none
   * there. Only for text that is its only layer: `%`, `&`, `\`, line breaks and the byte 0xC2 are not understood.
   */
  nextPlace(bytes: Uint8Array, from: number): number {
    return this.#filterNow().next(bytes, from);
  }

  /** False only if `spans` finds nothing in this text in UTF-8, or in any part of it. Many times faster than `spans`. */
  mayContain(text: Buffer): boolean {
    const filter = this.#filterNow();
    return findsInLayers(text, (bytes) => filter.next(bytes, 0) !== -1) ?? this.#mayContainIn(text.toString('utf8'));
  }

  #mayContainIn(text: string): boolean {
    const filter = this.#filterNow();
    const isIn = ({ text: one }: Layer) => filter.next(Buffer.from(one, 'utf8'), 0) !== -1;
    return layersOf(text).some((layer) => isIn(layer) || (/[\r\n]/.test(layer.text) && isIn(asBase64(layer))));
  }

  #filterNow(): ByteFilter {
    const sets = [this.#plain, this.#passingPlain, this.#hex, this.#base64];
    this.#filter ??= new ByteFilter(sets.flatMap((set) => set.texts()));
    return this.#filter;
  }

  #spansInBase64(layer: Layer): Span[] {
    return spansIn(this.#base64, layer, layer.text);
  }
}

/** `text` is the layer's text in the form of the patterns; each character keeps its position. */
function spansIn(patterns: PatternSet, { place }: Layer, text: string): Span[] {
  return patterns.spans(text, endOf(text)).map(([from, to]) => place(from, to));
}

function endOf(text: string): End {
  const at = text.length - (CUT.exec(text.slice(-4))?.[0].length ?? 0);
  const half = CUT_ESCAPE.exec(text.slice(Math.max(0, at - MAX_CUT_ESCAPE_LENGTH), at));
  return { at, beforeEscape: at - (half?.[0].length ?? 0) };
}

function piecesOf(value: string): string[] {
  const characters = [...value.toWellFormed()];
  if (characters.length < MIN_MASKED_LENGTH) return [];
  const count = Math.ceil(characters.length / PIECE_LENGTH);
  const length = Math.ceil(characters.length / count);
  return Array.from({ length: count }, (_none, index) =>
    characters.slice(index * length, (index + 1) * length).join(''),
  );
}
