// The measurements (samples) of a route, or of all routes through a proxy together: the successful downloads, the
// newest last, and the number of consecutive timeouts. Values are immutable; every change makes a new object.
//
// Samples become outdated with the number of newer samples and with wall time. Each size class keeps its own samples,
// so that many small files never displace the samples of a few large files.

import type { AttemptOutcome, TimeoutPhase } from './types.ts';

/** One verified success; times in whole milliseconds, null where a phase was not measured. */
export interface Sample {
  /** Number of successes before this one. */
  readonly seq: number;
  readonly atMs: number;
  readonly size: number;
  readonly ms: Readonly<Record<TimeoutPhase, number | null>>;
}

export interface History {
  /** Total number of successes. */
  readonly count: number;
  /** The largest size ever requested. */
  readonly largest: number;
  /** Consecutive timeouts, without a success in between. */
  readonly timeouts: Readonly<Record<TimeoutPhase, number>>;
  /** Value of `count` at the last timeout. */
  readonly timedOutAt: Readonly<Record<TimeoutPhase, number>>;
  /** Total number of timeouts of the first byte. */
  readonly muteEver: number;
  /** A longer wait for the first byte is tried until `count` reaches this value. */
  readonly longerUntil: number;
  /** In order of arrival. */
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

/** Newest samples kept of each size class, and the maximum kept of all classes together. */
const NEWEST_PER_CLASS = 16;
export const MAX_SAMPLES = 240;
/** The slowest samples of each class and phase are kept longer: deadlines exist for rare cases. */
const SLOWEST_PER_CLASS = 2;
const SLOWEST_KEPT_FOR = 400;
/** Sizes of one class differ by less than this factor. */
const CLASS_FACTOR = 4;
/**
 * Only a longer wait can show whether an interrupted transfer was dead or slow, and if retries are fast nothing else ever
 * will. A longer wait is tried after the first timeout, the second, the fourth and so on, then after each sixteenth.
 * From the retry on it applies for this many successes: a route that is slow once in twelve shows it in these, and on
 * other routes the trial costs little.
 */
const LONGER_AFTER_EACH = 16;
const LONGER_FOR = 12;
/** 31 days. A longer duration was not measured by a clock (`system/moment.ts` has the same limit for the rest). */
export const MAX_SAMPLE_MS = 31 * 86_400_000;
/** An older sample is dropped once there are enough younger ones. */
const OLD_MS = 45 * 86_400_000;
const ENOUGH_YOUNG = 8;

/**
 * The history after a verified success. An unknown size counts as the largest, so that small files are not blamed for
 * the wait.
 */
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

/** The history after a timeout. It adds no sample, because the real duration is unknown. */
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

/** The samples that are not too old at `nowMs`, or all of them if every one is too old. */
export function recentSamples(history: History, nowMs: number): readonly Sample[] {
  const young = history.samples.filter(({ atMs }) => nowMs - atMs <= OLD_MS);
  return young.length >= ENOUGH_YOUNG ? young : history.samples;
}

/** Each success adds one sample to its class, so at most one of that class is dropped. */
function kept(samples: readonly Sample[]): readonly Sample[] {
  const newest = samples.at(-1);
  if (newest === undefined) return samples;
  const from = CLASS_FACTOR ** Math.floor(Math.log(Math.max(1, newest.size)) / Math.log(CLASS_FACTOR));
  // What a bandwidth limit hid must not displace what was measured without one.
  const alike = samples.filter(
    ({ size, ms }) =>
      size < from * CLASS_FACTOR && (size >= from || from === 1) && (ms.total === null) === (newest.ms.total === null),
  );
  const slowest = new Set(TIMEOUT_PHASES.flatMap((phase) => slowestIn(phase, alike, newest.seq)));
  const gone = alike.slice(0, -NEWEST_PER_CLASS).find((sample) => !slowest.has(sample));
  const rest = samples.filter((sample) => sample !== gone);
  return rest.slice(-MAX_SAMPLES);
}

function slowestIn(phase: TimeoutPhase, alike: readonly Sample[], newestSeq: number): Sample[] {
  return alike
    .filter(({ seq }) => newestSeq - seq <= SLOWEST_KEPT_FOR)
    .sort((a, b) => (b.ms[phase] ?? 0) - (a.ms[phase] ?? 0))
    .slice(0, SLOWEST_PER_CLASS);
}

function whole(ms: number | null): number | null {
  return ms === null ? null : Math.min(Math.ceil(ms), MAX_SAMPLE_MS);
}
