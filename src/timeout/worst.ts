// The line of the longest recent waits in a phase: the lowest line above all relevant samples. The weight of a sample
// decreases a little with each later one.
//
// Rare waits must be remembered, and waits that no longer occur must be forgotten. As long as a route does not change,
// a high wait (near the line) occurs again after some number of samples. If none occurs for much longer than ever
// before, all older samples are dropped. A timeout may have interrupted a high wait, so the samples from before a
// timeout are kept until enough samples have followed it.

import { at, type Hull, type Line, lowestLineAbove, type Point, raised, upperHull } from './line.ts';
import type { Sample } from './samples.ts';
import type { TimeoutPhase } from './types.ts';

/** Each later sample reduces the weight of a sample by this factor: to half after about 350. */
const LEAK = 0.998;
/** Share of the line above which a sample is high. */
const HIGH = 1 / 3;
/**
 * Older samples are dropped after this many samples without a high one, in addition to twice the longest gap so far.
 */
const CALM_DOWNLOADS = 12;
/** With at least this many high samples, the gaps between them form a rhythm. */
const MIN_HIGH_SAMPLES = 8;
/** Fewer samples than this do not outweigh older ones. */
const MIN_SAMPLES = 8;
/**
 * If scanning stops at some size, or waits have an upper limit, one line is far too high for large packages. A second
 * line above the same samples is fitted to be low at the larger half. It rests on less evidence, so it gets a slightly
 * larger margin.
 */
const LARGER_HALF = { from: 0.5, margin: 1.15, samples: 16 };
/**
 * If one of the last samples exceeds what the earlier ones explain by this factor, the route has probably become slower
 * for every size. The previous line is then raised by the same factor, with a margin for the next sample.
 */
const SURPRISE = { last: 12, before: 10, over: 1.5, margin: 1.3 };

/** The lines and samples that a phase rests on. */
export interface Worst {
  /** Lies above all samples; low at all sizes. */
  readonly line: Line;
  /** Lies above all samples; low at the larger half. Null when there are too few samples. */
  readonly large: Line | null;
  /** The line for sizes that have not occurred since a slow-down; null without signs of one. */
  readonly raised: Line | null;
  /** The relevant samples. */
  readonly samples: readonly Sample[];
}

/**
 * The worst line of at least one sample, all measured in this phase: first with every sample, then, after a calm,
 * without those from before it.
 */
export function worstOf(measured: readonly Sample[], phase: TimeoutPhase, count: number): readonly [Worst, ...Worst[]] {
  const aged = measured.map(({ size, ms, seq }) => ({ size, ms: (ms[phase] ?? 0) * LEAK ** (count - 1 - seq) }));
  const hull = upperHull(aged);
  const line = lowestLineAbove(hull, sizesOf(aged));
  const worst = { line, large: largeOf(aged, hull), raised: raisedOf(aged, hull), samples: measured };
  const since = calmSince(aged.map(({ size, ms }) => ms > HIGH * at(line, size)));
  if (since === 0 || measured.length - since < MIN_SAMPLES) return [worst];
  return [worst, ...worstOf(measured.slice(since), phase, count)];
}

/** The line that applies to a size. */
export function lineFor({ line, large, raised: raisedLine }: Worst, size: number): Line {
  const lower = large !== null && at(large, size) < at(line, size) ? large : line;
  return raisedLine !== null && at(raisedLine, size) > at(lower, size) ? raisedLine : lower;
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
  // A sample above every earlier line is a corner of the hull of all samples.
  if (before.length < SURPRISE.before || !last.some((point) => hull.includes(point))) return null;
  const line = lowestLineAbove(upperHull(before), sizesOf(before));
  const over = Math.max(...last.map(({ size, ms }) => ms / Math.max(1, at(line, size))));
  return over > SURPRISE.over ? raised(line, over * SURPRISE.margin) : null;
}

function sizesOf(points: readonly Point[]): number[] {
  return points.map(({ size }) => size);
}

/** Index at which a calm begins that is longer than any earlier one would explain; 0 when there is none. */
function calmSince(high: readonly boolean[]): number {
  const places = high.flatMap((isHigh, index) => (isHigh ? [index] : []));
  const gaps = places.map((index, nth) => index - (places[nth - 1] ?? -1));
  // If high samples are common, the gap before the first one proves nothing: the route may have been different then.
  const longest = Math.max(0, ...(places.length >= MIN_HIGH_SAMPLES ? gaps.slice(1) : gaps));
  const last = places.at(-1) ?? -1;
  return high.length - 1 - last > CALM_DOWNLOADS + 2 * longest ? last + 1 : 0;
}
