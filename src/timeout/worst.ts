// The worst recent line of a phase: the lowest line above all samples that still count, each worth a little less for
// every one that came after it.
//
// What is rare has to be remembered, what is over has to be forgotten. Both are told apart by the route itself: a wait
// near the line ("high") comes again after some number of samples; when it has stayed away for much longer than ever
// before, what lies before the calm belongs to another time. A timeout may be one that was killed: what came before it
// stays until as many samples have come after it.

import { at, type Hull, type Line, lowestLineAbove, type Point, raised, upperHull } from './line.ts';
import type { Sample } from './samples.ts';
import type { TimeoutPhase } from './types.ts';

/** A sample is worth so much less for each one after it: half after some 350. */
const LEAK = 0.998;
/** Of the line; what is over it is high. */
const HIGH = 1 / 3;
/** Samples without a high one, over twice the longest time that this took before, until the older ones are left out. */
const CALM = 12;
/** So many high ones have a rhythm of their own. */
const COMMON = 8;
/** Fewer do not outweigh what was known. */
const ENOUGH = 8;
/**
 * Where scanning stops at a size, or waits have a longest, one line is far too high for large packages: a second one is
 * laid above the same samples to be low at the larger half. It has less to go by there, so it gets a little more.
 */
const LARGER_HALF = { from: 0.5, margin: 1.15, samples: 16 };
/**
 * When one of the last samples is this far over what those before would explain, the route has probably become slower
 * for every size: the line of before is raised as much, and a bit for what the next one may need.
 */
const SURPRISE = { last: 12, before: 10, over: 1.5, margin: 1.3 };

/** What a phase rests on. */
export interface Worst {
  /** Above all samples, low at all sizes. */
  readonly line: Line;
  /** Above all samples, low at the larger half; null where there is too little. */
  readonly large: Line | null;
  /** What sizes need that were not met since a slow-down; null where there is no sign of one. */
  readonly raised: Line | null;
  /** Those that count. */
  readonly samples: readonly Sample[];
}

/**
 * Of at least one sample, all of them measured in this phase: with every one, then without what lies before a calm, if
 * there is one.
 */
export function worstOf(measured: readonly Sample[], phase: TimeoutPhase, count: number): readonly [Worst, ...Worst[]] {
  const aged = measured.map(({ size, ms, seq }) => ({ size, ms: (ms[phase] ?? 0) * LEAK ** (count - 1 - seq) }));
  const hull = upperHull(aged);
  const line = lowestLineAbove(hull, sizesOf(aged));
  const worst = { line, large: largeOf(aged, hull), raised: raisedOf(aged, hull), samples: measured };
  const since = calmSince(aged.map(({ size, ms }) => ms > HIGH * at(line, size)));
  if (since === 0 || measured.length - since < ENOUGH) return [worst];
  return [worst, ...worstOf(measured.slice(since), phase, count)];
}

/** The line that decides for a size. */
export function lineFor({ line, large, raised: lifted }: Worst, size: number): Line {
  const lower = large !== null && at(large, size) < at(line, size) ? large : line;
  return lifted !== null && at(lifted, size) > at(lower, size) ? lifted : lower;
}

function largeOf(aged: readonly Point[], hull: Hull): Line | null {
  if (aged.length < LARGER_HALF.samples) return null;
  const sorted = sizesOf(aged).sort((a, b) => a - b);
  const larger = sorted.slice(Math.floor(sorted.length * LARGER_HALF.from));
  return raised(lowestLineAbove(hull, larger), LARGER_HALF.margin);
}

function raisedOf(aged: readonly Point[], hull: Hull): Line | null {
  const before = aged.slice(0, -SURPRISE.last);
  const last = aged.slice(-SURPRISE.last);
  // One that is over every line of those before is a corner of the hull of all.
  if (before.length < SURPRISE.before || !last.some((point) => hull.includes(point))) return null;
  const line = lowestLineAbove(upperHull(before), sizesOf(before));
  const over = Math.max(...last.map(({ size, ms }) => ms / Math.max(1, at(line, size))));
  return over > SURPRISE.over ? raised(line, over * SURPRISE.margin) : null;
}

function sizesOf(points: readonly Point[]): number[] {
  return points.map(({ size }) => size);
}

/** Where a calm begins that is longer than any before it would explain; 0 when there is none. */
function calmSince(high: readonly boolean[]): number {
  const places = high.flatMap((isHigh, index) => (isHigh ? [index] : []));
  const gaps = places.map((index, nth) => index - (places[nth - 1] ?? -1));
  // What came before the first says nothing where high ones are common: it may be of another time.
  const longest = Math.max(0, ...(places.length >= COMMON ? gaps.slice(1) : gaps));
  const last = places.at(-1) ?? -1;
  return high.length - 1 - last > CALM + 2 * longest ? last + 1 : 0;
}
