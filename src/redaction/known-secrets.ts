// The registry of every secret that this process knows, and the mask over all of them (law 8).
//
// Guarantees: no text that went through `redact` holds a registered value, in any encoding of `encodings.ts`; where two
// of them overlap, both are covered whole; the beginning of one where the text was cut is covered as well. A text without
// any is returned as it is, after one pass of one compiled expression. Relies on every renderer to call it last. Values
// that are too short to tell from ordinary words are not masked; whoever resolves a secret warns about that. Of what is sent
// once, such as the proof of a password for one connection, only the latest are known, and as they are, in a URL or a web
// page: whoever repeats one does so at once, and a daemon makes thousands.

import { encodingsSource, headsSource, webSource } from './encodings.ts';
import { mask, type Span } from './mask.ts';
import { Secret } from './secret.ts';

/** Below this many characters a value would mask ordinary words, and is left alone. */
export const SHORTEST_MASKED = 4;

/** A longer value is looked for in pieces of this many characters, so that no single expression grows too large. */
const PIECE_LENGTH = 256;

/** So many pieces of what is sent once are known; a proof has one to three. */
const MOST_PASSING = 24;

/** Masks what was registered with it. */
export class KnownSecrets {
  readonly #values = new Set<string>();
  readonly #matchers: RegExp[] = [];
  /** What finds each value that is sent once, the oldest first. */
  readonly #passing = new Map<string, RegExp>();
  #any: RegExp | null = null;

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
    this.#matchers.push(new RegExp(encodingsSource(piece), 'gu'));
    const heads = headsSource(piece);
    if (heads !== null) this.#matchers.push(new RegExp(heads, 'gu'));
    this.#any = null;
  }

  /** As text escapes it and no further: there is one for each connection, and a full expression costs 10 ms. */
  #addPassing(piece: string): void {
    this.#passing.delete(piece);
    this.#passing.set(piece, new RegExp(webSource(piece), 'gu'));
    for (const oldest of this.#passing.keys()) {
      if (this.#passing.size <= MOST_PASSING) break;
      this.#passing.delete(oldest);
    }
  }

  /** The text with `***` in place of every registered value. */
  redact(text: string): string {
    return mask(text, this.spans(text));
  }

  /** Where registered values stand, also those that overlap; in no order. */
  spans(text: string): Span[] {
    const passing = [...this.#passing.values()].flatMap((matcher) => spansOf(matcher, text));
    if (this.#matchers.length === 0) return passing;
    this.#any ??= new RegExp(this.#matchers.map(({ source }) => source).join('|'), 'u');
    if (!this.#any.test(text)) return passing;
    return [...passing, ...this.#matchers.flatMap((matcher) => spansOf(matcher, text))];
  }
}

/** Every match, also those that overlap each other. */
function spansOf(matcher: RegExp, text: string): Span[] {
  const spans: Span[] = [];
  matcher.lastIndex = 0;
  for (let match = matcher.exec(text); match !== null; match = matcher.exec(text)) {
    spans.push([match.index, match.index + match[0].length]);
    // Whole characters: within a surrogate pair the expression would start at the pair again.
    matcher.lastIndex = match.index + ((text.codePointAt(match.index) ?? 0) > 0xffff ? 2 : 1);
  }
  return spans;
}

function piecesOf(value: string): string[] {
  const characters = [...value.toWellFormed()];
  if (characters.length < SHORTEST_MASKED) return [];
  const count = Math.ceil(characters.length / PIECE_LENGTH);
  const length = Math.ceil(characters.length / count);
  return Array.from({ length: count }, (_none, index) =>
    characters.slice(index * length, (index + 1) * length).join(''),
  );
}
