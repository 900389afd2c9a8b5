// The registry of every secret that this process knows, and the mask over all of them (principle 8).
//
// Guarantees: no text that went through `redact` holds a registered value, in any encoding of `encodings.ts`; where two
// of them overlap, both are covered whole; the beginning of one where the text was cut is covered as well. The cost
// grows with the text and not with the number of secrets. Relies on every renderer to call it last. Values
// that are too short to tell from ordinary words are not masked; whoever resolves a secret warns about that. Of what is sent
// once, such as the proof of a password for one connection, only the latest are known, and not in hex or base64:
// whoever repeats one does so at once, and a daemon makes thousands.

import { type Encodings, encodingsOf, plainOf, withSmallHex, withSpaces } from './encodings.ts';
import { asBase64, type Layer, layersOf } from './layers.ts';
import { mask, type Span } from './mask.ts';
import { type End, PatternSet } from './pattern-set.ts';
import { Secret } from './secret.ts';

/** Below this many characters a value would mask ordinary words, and is left alone. */
export const MIN_MASKED_LENGTH = 4;

/** A longer value is looked for in pieces of this many characters, so that no comparison grows too long. */
const PIECE_LENGTH = 256;

/** So many pieces of what is sent once are known; a proof has one to three. */
const MAX_PASSING = 24;

/** Where a text was cut: before an ellipsis of ours, or before a query that is not shown. */
const CUT = /(?:…|\?\*\*\*)$/;
/** An escape, or a character read byte by byte, that was cut in its middle; and so much of the end may belong to it. */
const CUT_ESCAPE = /(?:[%&\\][#%0-9A-Za-z]{0,11}|[\u00c2-\u00f4][\u0080-\u00bf]{0,2})$/;
const MAX_CUT_ESCAPE_LENGTH = 12;

/** Masks what was registered with it. */
export class KnownSecrets {
  readonly #values = new Set<string>();
  readonly #plain = new PatternSet();
  readonly #hex = new PatternSet();
  readonly #base64 = new PatternSet();
  /** Values that are sent once, the oldest first. */
  readonly #passing = new Set<string>();
  #passingPlain = new PatternSet();

  /** Registers a value; one that is known, or shorter than `SHORTEST_MASKED`, changes nothing. */
  add(secret: Secret | string, use?: 'once'): void {
    const value = secret instanceof Secret ? secret.reveal() : secret;
    for (const piece of piecesOf(value)) {
      if (this.#values.has(piece)) continue;
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

  /** Where registered values stand, also those that overlap; in no order. */
  spans(text: string): Span[] {
    if (this.#values.size === 0 && this.#passing.size === 0) return [];
    return layersOf(text).flatMap((layer) => [
      ...spansIn(this.#plain, layer, withSpaces(layer.text)),
      ...spansIn(this.#passingPlain, layer, withSpaces(layer.text)),
      ...spansIn(this.#hex, layer, withSmallHex(layer.text)),
      ...this.#spansInBase64(asBase64(layer)),
    ]);
  }

  #spansInBase64(layer: Layer): Span[] {
    return spansIn(this.#base64, layer, layer.text);
  }
}

/** `text` is the layer's, character by character, in the form that the patterns have. */
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
