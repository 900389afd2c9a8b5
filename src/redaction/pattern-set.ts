// Searches a text for many strings in one pass. Pure.
//
// Guarantees: the pass costs the same for one string as for a thousand. Strings are compared only where their first
// four characters may match (Karp and Rabin, "Efficient randomized pattern-matching algorithms", 1987). Nothing is
// compiled, so a string can be added at any time.

import type { Span } from './mask.ts';

/** Number of characters that are looked up; shorter patterns are ignored. */
const PREFIX = 4;
const BUCKETS = 65_536;
/**
 * Minimum length in characters of the beginning of a pattern at the end of a text; a shorter match may be
 * coincidence.
 */
const MIN_HEAD_LENGTH = 8;

/** A string to search for. */
export interface Pattern {
  readonly text: string;
  /** Whether its beginning alone matches at the end of the text. */
  readonly head: boolean;
  /** Checks the characters next to a match and returns the span to mask. Without it every match counts. */
  fits?(text: string, from: number): Span | null;
}

/** The end of a text, which may have been cut inside a character of a pattern. */
export interface End {
  /** The end of the original text, before our mark of the cut. */
  readonly at: number;
  /** The same, without an escape that was cut in its middle. */
  readonly beforeEscape: number;
}

/** Strings of at least four characters. */
export class PatternSet {
  readonly #buckets = new Map<number, Pattern[]>();
  /** Which buckets have a pattern; null while there is none. */
  #filled: Uint8Array | null = null;

  add(pattern: Pattern): void {
    if (pattern.text.length < PREFIX) return;
    let bucket = 0;
    for (let at = 0; at < PREFIX; at += 1) bucket = nextBucket(bucket, pattern.text.charCodeAt(at));
    const there = this.#buckets.get(bucket);
    if (there?.some(({ text }) => text === pattern.text && pattern.fits === undefined)) return;
    if (there === undefined) this.#buckets.set(bucket, [pattern]);
    else there.push(pattern);
    this.#filled ??= new Uint8Array(BUCKETS);
    this.#filled[bucket] = 1;
  }

  /** The strings of all patterns. */
  texts(): string[] {
    return [...this.#buckets.values()].flat().map(({ text }) => text);
  }

  /** The spans of all matches; overlapping matches are merged. */
  spans(text: string, end: End): Span[] {
    const spans: [number, number][] = [];
    const filled = this.#filled;
    if (filled === null) return spans;
    let bucket = 0;
    for (let next = 0; next < text.length; next += 1) {
      bucket = nextBucket(bucket, text.charCodeAt(next));
      if (filled[bucket] === 0 || next < PREFIX - 1) continue;
      const at = next - PREFIX + 1;
      for (const pattern of this.#buckets.get(bucket) ?? []) {
        const found = matchAt(pattern, { text, at, end });
        if (found !== null) cover(spans, found);
      }
    }
    return spans;
  }
}

/** Each character shifts the previous ones by four bits, so a character has no effect after four more. */
function nextBucket(bucket: number, unit: number): number {
  return ((bucket << 4) ^ unit ^ (unit >> 8)) & (BUCKETS - 1);
}

function matchAt(pattern: Pattern, place: { text: string; at: number; end: End }): Span | null {
  const { text, at, end } = place;
  const { length } = pattern.text;
  if (text.startsWith(pattern.text, at)) {
    const found: Span | null = pattern.fits === undefined ? [at, at + length] : pattern.fits(text, at);
    // The next character, which shares bits with the pattern, may have been cut off.
    return found ?? (pattern.head && at + length === end.at ? [at, end.at] : null);
  }
  if (!pattern.head || end.at - at >= length) return null;
  for (const to of [end.at, end.beforeEscape]) {
    if (to - at >= MIN_HEAD_LENGTH && pattern.text.startsWith(text.slice(at, to))) return [at, end.at];
  }
  return null;
}

/**
 * Matches arrive in the order of their starts, except where one includes a character that it shares with a neighbor.
 */
function cover(spans: [number, number][], [from, to]: Span): void {
  const last = spans.at(-1);
  if (last === undefined || from > last[1]) {
    spans.push([from, to]);
    return;
  }
  last[0] = Math.min(last[0], from);
  last[1] = Math.max(last[1], to);
}
