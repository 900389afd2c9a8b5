// What a route, or all routes of a proxy together, have shown: verified successes, newest last, and how many timeouts in
// a row. Values only; every change makes a new history.
//
// Samples age by count and by wall time. Each class of sizes keeps its own, so that many small files never push out what
// is known of the few large ones.

import type { AttemptOutcome, TimeoutPhase } from './types.ts';

/** One verified success; times in whole milliseconds, null where a phase was not measured. */
export interface Sample {
  /** How many came before it. */
  readonly seq: number;
  readonly atMs: number;
  readonly size: number;
  readonly ms: Readonly<Record<TimeoutPhase, number | null>>;
}

export interface History {
  /** Successes ever. */
  readonly count: number;
  /** The largest size ever asked for. */
  readonly largest: number;
  /** In a row, without a success. */
  readonly timeouts: Readonly<Record<TimeoutPhase, number>>;
  /** How many successes there were at the last timeout. */
  readonly timedOutAt: Readonly<Record<TimeoutPhase, number>>;
  /** Timeouts of the first byte, ever. */
  readonly muteEver: number;
  /** Until there were so many successes, a longer wait for the first byte is tried. */
  readonly longerUntil: number;
  /** In the order they came. */
  readonly samples: readonly Sample[];
}

export const TIMEOUT_PHASES: readonly TimeoutPhase[] = ['first_byte', 'silence', 'total'];

export const NO_HISTORY: History = {
  count: 0,
  largest: 0,
  timeouts: { first_byte: 0, silence: 0, total: 0 },
  timedOutAt: { first_byte: 0, silence: 0, total: 0 },
  muteEver: 0,
  longerUntil: 0,
  samples: [],
};

/** The newest that are kept of each class of sizes, and how many are kept of all together. */
const NEWEST_OF_A_CLASS = 16;
export const KEPT_OF_ALL = 240;
/** In each class and phase the slowest are kept for longer: what is rare is what a deadline is for. */
const SLOWEST_OF_A_CLASS = 2;
const SLOWEST_KEPT_FOR = 400;
/** Sizes of one class differ by less than this factor. */
const CLASS_FACTOR = 4;
/**
 * Whether what was killed was dead or slow only a longer wait can show, and where the retry is fast nothing else ever
 * will. It is tried after the first timeout, the second, the fourth and so on, then after each sixteenth, from the retry
 * on for so many successes: what is slow for one in twelve shows up in these, and elsewhere it costs little.
 */
const LONGER_AFTER_EACH = 16;
const LONGER_FOR = 12;
/** 31 days: what is said to have taken longer was measured by no clock (`system/moment.ts` has the same for the rest). */
export const MAX_SAMPLE_MS = 31 * 86_400_000;
/** An older sample is forgotten once enough younger ones say how it is now. */
const OLD_MS = 45 * 86_400_000;
const ENOUGH_YOUNG = 8;

/** The history after a verified success. An unknown size counts as the largest: the wait is not blamed on small files. */
export function withSuccess(history: History, outcome: AttemptOutcome): History {
  const size = outcome.size > 0 ? outcome.size : history.largest;
  const sample: Sample = {
    seq: history.count,
    atMs: outcome.atMs,
    size,
    ms: {
      first_byte: whole(outcome.firstByteMs),
      silence: whole(outcome.longestSilenceMs),
      total: whole(outcome.totalMs),
    },
  };
  const timeouts = { ...history.timeouts };
  for (const phase of TIMEOUT_PHASES) if (sample.ms[phase] !== null) timeouts[phase] = 0;
  return {
    ...history,
    count: history.count + 1,
    largest: Math.max(history.largest, size),
    timeouts,
    samples: kept([...history.samples, sample]),
  };
}

/** The history after a timeout: how long it would have taken nobody knows, so there is no sample. */
export function withTimeout(history: History, size: number, phase: TimeoutPhase): History {
  const { count } = history;
  const muteEver = history.muteEver + (phase === 'first_byte' ? 1 : 0);
  return {
    ...history,
    largest: Math.max(history.largest, size),
    timeouts: { ...history.timeouts, [phase]: history.timeouts[phase] + 1 },
    timedOutAt: { ...history.timedOutAt, [phase]: count },
    muteEver,
    longerUntil: muteEver > history.muteEver && triesLonger(muteEver) ? count + LONGER_FOR : history.longerUntil,
  };
}

function triesLonger(timeouts: number): boolean {
  return timeouts % LONGER_AFTER_EACH === 0 || Number.isInteger(Math.log2(timeouts));
}

/** Without those that are too old at `nowMs`, unless they are all that is known. */
export function recentSamples(history: History, nowMs: number): readonly Sample[] {
  const young = history.samples.filter(({ atMs }) => nowMs - atMs <= OLD_MS);
  return young.length >= ENOUGH_YOUNG ? young : history.samples;
}

/** Each success adds one to its class, so at most one has to go from there. */
function kept(samples: readonly Sample[]): readonly Sample[] {
  const newest = samples.at(-1);
  if (newest === undefined) return samples;
  const from = CLASS_FACTOR ** Math.floor(Math.log(Math.max(1, newest.size)) / Math.log(CLASS_FACTOR));
  const alike = samples.filter(({ size }) => size < from * CLASS_FACTOR && (size >= from || from === 1));
  const slowest = new Set(TIMEOUT_PHASES.flatMap((phase) => slowestIn(phase, alike, newest.seq)));
  const gone = alike.slice(0, -NEWEST_OF_A_CLASS).find((sample) => !slowest.has(sample));
  const rest = samples.filter((sample) => sample !== gone);
  return rest.slice(-KEPT_OF_ALL);
}

function slowestIn(phase: TimeoutPhase, alike: readonly Sample[], newestSeq: number): Sample[] {
  return alike
    .filter(({ seq }) => newestSeq - seq <= SLOWEST_KEPT_FOR)
    .sort((a, b) => (b.ms[phase] ?? 0) - (a.ms[phase] ?? 0))
    .slice(0, SLOWEST_OF_A_CLASS);
}

function whole(ms: number | null): number | null {
  return ms === null ? null : Math.min(Math.ceil(ms), MAX_SAMPLE_MS);
}
