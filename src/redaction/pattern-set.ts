// Many strings looked for at once, in one pass over a text. Pure.
//
// Guarantees: the pass costs the same for one string as for a thousand; only where four characters fit to one of them is
// anything compared (Karp and Rabin, "Efficient randomized pattern-matching algorithms", 1987). Nothing is compiled, so
// that a string can be added at any time.

import type { Span } from './mask.ts';

/** Characters that are looked up; no pattern is shorter. */
const PREFIX = 4;
const BUCKETS = 65_536;
/** So much of a pattern at the end of a text is no coincidence. */
const MIN_HEAD_LENGTH = 8;

/** What is looked for. */
export interface Pattern {
  readonly text: string;
  /** Whether its beginning counts where the text ends with it. */
  readonly head: boolean;
  /** Judges the characters next to a match; by default every match counts. */
  fits?(text: string, from: number): Span | null;
}

/** Where a text ends: it may have been cut there, inside a character of a pattern. */
export interface End {
  /** The end of what was cut, without a mark of ours that says so. */
  readonly at: number;
  /** Without half an escape as well. */
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

  /** Where the strings stand; what overlaps is one span. */
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

/** Each character moves the older ones on by four bits, so after four more it is gone. */
function nextBucket(bucket: number, unit: number): number {
  return ((bucket << 4) ^ unit ^ (unit >> 8)) & (BUCKETS - 1);
}

function matchAt(pattern: Pattern, place: { text: string; at: number; end: End }): Span | null {
  const { text, at, end } = place;
  const { length } = pattern.text;
  if (text.startsWith(pattern.text, at)) {
    const found: Span | null = pattern.fits === undefined ? [at, at + length] : pattern.fits(text, at);
    // The character behind, which shares bits with it, may be what was cut off.
    return found ?? (pattern.head && at + length === end.at ? [at, end.at] : null);
  }
  if (!pattern.head || end.at - at >= length) return null;
  for (const to of [end.at, end.beforeEscape]) {
    if (to - at >= MIN_HEAD_LENGTH && pattern.text.startsWith(text.slice(at, to))) return [at, end.at];
  }
  return null;
}

/** Matches come in the order of their begin, save for an edge that one shares with a neighbor. */
function cover(spans: [number, number][], [from, to]: Span): void {
  const last = spans.at(-1);
  if (last === undefined || from > last[1]) {
    spans.push([from, to]);
    return;
  }
  last[0] = Math.min(last[0], from);
  last[1] = Math.max(last[1], to);
}
