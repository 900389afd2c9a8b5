// Rules that others use for timeouts, each in its best form. A rule with any backoff doubles the timeout for each
// retry. A rule that learns never goes below 10 s, as in the model.

import type { AttemptOutcome, RouteKey, TimeoutPhase, TimeoutPlan } from '#timeout/model.ts';
import { type Before, END_MS, type Policy, planOf } from './policy.ts';

const MB = 1e6;
const FLOOR_MS = 10_000;
const CEILING_MS = 7_200_000;
const UNKNOWN_MS = 300_000;
const UNKNOWN_MS_PER_BYTE = 1_000 / MB;

const never = () => 0;
const nothing = () => undefined;

function idle(name: string, ms: number): Policy {
  return { name, plan: (_route, size) => planOf(size, ms, ms, END_MS), extend: never, observe: nothing };
}

function total(name: string, ms: number): Policy {
  return { name, plan: (_route, size) => planOf(size, ms, ms, ms), extend: never, observe: nothing };
}

function lowSpeed(name: string, bytesPerSecond: number, forMs: number): Policy {
  const plan = (_route: RouteKey, size: number) => planOf(size, END_MS, END_MS, END_MS);
  return { name, plan, extend: never, observe: nothing, lowSpeed: { bytesPerSecond, forMs } };
}

/** The manual's rule: a download is measured once, and the time for each MB is taken for the largest package. */
function manualOneNumber(): Policy {
  const measured = new FirstMeasured();
  return {
    name: 'manual, one number for 1.2 GB',
    plan: (route, size) => {
      const ms = Math.max(UNKNOWN_MS, (measured.msPerByte(route) ?? 0) * 1.2e9);
      return planOf(size, ms, ms, END_MS);
    },
    extend: never,
    observe: (route, outcome) => measured.take(route, outcome),
  };
}

/** The same measurement, twice what it gives for each size, at least 30 s. */
function manualScaled(): Policy {
  const measured = new FirstMeasured();
  return {
    name: 'manual, scaled by size x2, min 30 s',
    plan: (route, size) => {
      const pace = measured.msPerByte(route);
      const ms = pace === null ? UNKNOWN_MS + UNKNOWN_MS_PER_BYTE * size : Math.max(30_000, 2 * pace * size);
      return planOf(size, ms, ms, ms);
    },
    extend: never,
    observe: (route, outcome) => measured.take(route, outcome),
  };
}

/** "It is helpful to use a larger update file for the estimate": the largest of the first five. */
class FirstMeasured {
  readonly #routes = new Map<string, { left: number; size: number; ms: number }>();

  msPerByte(route: RouteKey): number | null {
    const known = this.#routes.get(nameOf(route));
    return known === undefined || known.left > 0 ? null : known.ms / known.size;
  }

  take(route: RouteKey, { ok, size, totalMs }: AttemptOutcome): void {
    if (!ok || totalMs === null) return;
    const known = this.#routes.get(nameOf(route)) ?? { left: 5, size: 0, ms: 0 };
    this.#routes.set(nameOf(route), known);
    if (known.left === 0) return;
    known.left -= 1;
    if (size > known.size) [known.size, known.ms] = [size, totalMs];
  }
}

/** 1.5 times the 99th percentile of recent times in each phase. */
function percentile(): Policy {
  const samples = new Map<string, number[][]>();
  return {
    name: 'p99 x 1.5 of history',
    plan: (route, size) => {
      const history = samples.get(nameOf(route));
      if (history === undefined) return cold(size);
      const [first = 0, silence = 0, whole = 0] = history.map((times) => {
        const sorted = Float64Array.from(times).sort();
        return Math.max(FLOOR_MS, 1.5 * (sorted[Math.floor(0.99 * sorted.length)] ?? 0));
      });
      return planOf(size, first, silence, Math.max(first, whole));
    },
    extend: never,
    observe: (route, outcome) => {
      if (!outcome.ok) return;
      const history = samples.get(nameOf(route)) ?? [[], [], []];
      samples.set(nameOf(route), history);
      for (const [index, ms] of timesOf(outcome).entries()) {
        history[index]?.push(ms);
        if ((history[index]?.length ?? 0) > 100) history[index]?.shift();
      }
    },
  };
}

/** A smoothed mean and four deviations (RFC 6298), doubled by each timeout until a success (Karn). */
class Smoothed {
  #mean = 0;
  #deviation = 0;

  constructor(ms: number) {
    this.#mean = ms;
    this.#deviation = ms / 2;
  }

  take(ms: number): void {
    this.#deviation = 0.75 * this.#deviation + 0.25 * Math.abs(this.#mean - ms);
    this.#mean = 0.875 * this.#mean + 0.125 * ms;
  }

  get ms(): number {
    return this.#mean + 4 * this.#deviation;
  }
}

function smoothedTotals(): Policy {
  const routes = new Map<string, Smoothed>();
  const backOff = new Map<string, number>();
  return {
    name: 'RFC 6298 on total time',
    plan: (route, size, _now, previous) => {
      const ms = routes.get(nameOf(route))?.ms ?? UNKNOWN_MS;
      const once = clamped(ms * (backOff.get(nameOf(route)) ?? 1));
      return retried(planOf(size, once, once, once), previous);
    },
    extend: never,
    observe: (route, { ok, timedOut, totalMs }) => {
      const name = nameOf(route);
      if (timedOut !== null) backOff.set(name, Math.min(64, 2 * (backOff.get(name) ?? 1)));
      if (!ok || totalMs === null) return;
      backOff.delete(name);
      const known = routes.get(name);
      if (known === undefined) routes.set(name, new Smoothed(totalMs));
      else known.take(totalMs);
    },
  };
}

/** The best of the simple rivals: an estimator for each phase and class of sizes (a factor of 4). */
function smoothedBySize(): Policy {
  const routes = new Map<string, Map<number, Smoothed[]>>();
  const backOff = new Map<string, number>();
  return {
    name: RIVAL,
    plan: (route, size, _now, previous) => {
      const known = nearest(routes.get(nameOf(route)), size);
      if (known === null) return retried(cold(size), previous);
      const factor = backOff.get(nameOf(route)) ?? 1;
      const [first = 0, silence = 0, whole = 0] = known.map((ms) => clamped(ms * factor));
      return retried(planOf(size, first, silence, Math.max(first, whole)), previous);
    },
    extend: never,
    observe: (route, outcome) => {
      const name = nameOf(route);
      if (outcome.timedOut !== null) backOff.set(name, Math.min(8, 2 * (backOff.get(name) ?? 1)));
      if (!outcome.ok) return;
      backOff.delete(name);
      const classes = routes.get(name) ?? new Map<number, Smoothed[]>();
      routes.set(name, classes);
      const known = classes.get(classOf(outcome.size));
      if (known === undefined)
        classes.set(
          classOf(outcome.size),
          timesOf(outcome).map((ms) => new Smoothed(ms)),
        );
      else for (const [index, ms] of timesOf(outcome).entries()) known[index]?.take(ms);
    },
  };
}

/** The name that the report looks for. */
export const RIVAL = 'RFC 6298 per size and phase';

/** The value of the nearest class. From a smaller class it is scaled by size, at least a second for each MB. */
function nearest(classes: ReadonlyMap<number, readonly Smoothed[]> | undefined, size: number): number[] | null {
  if (classes === undefined) return null;
  const wanted = classOf(size);
  let best = Number.NaN;
  for (const known of classes.keys()) {
    if (Number.isNaN(best) || Math.abs(known - wanted) < Math.abs(best - wanted)) best = known;
  }
  const beyond = best < wanted ? UNKNOWN_MS_PER_BYTE * size : 0;
  return (classes.get(best) ?? []).map(({ ms }) => Math.max(ms, beyond));
}

function classOf(size: number): number {
  return Math.floor(Math.log(Math.max(1, size)) / Math.log(4));
}

function timesOf(outcome: AttemptOutcome): [number, number, number] {
  return [outcome.firstByteMs ?? 0, outcome.longestSilenceMs ?? 0, outcome.totalMs ?? 0];
}

function cold(size: number): TimeoutPlan {
  const ms = UNKNOWN_MS + UNKNOWN_MS_PER_BYTE * size;
  return planOf(size, ms, ms, ms);
}

function clamped(ms: number): number {
  return Math.min(CEILING_MS, Math.max(FLOOR_MS, ms));
}

const KEY_OF: Readonly<Record<TimeoutPhase, 'firstByteMs' | 'silenceMs' | 'totalMs'>> = {
  first_byte: 'firstByteMs',
  silence: 'silenceMs',
  total: 'totalMs',
};

/** At least double in the phase that timed out. */
function retried(plan: TimeoutPlan, previous: Before | undefined): TimeoutPlan {
  if (previous === undefined || previous.timedOut === null) return plan;
  const key = KEY_OF[previous.timedOut];
  const ms = Math.min(CEILING_MS, Math.max(plan[key], 2 * previous.plan[key]));
  return { ...plan, [key]: ms, totalMs: Math.max(plan.totalMs, ms) };
}

function nameOf({ proxy, origin }: RouteKey): string {
  return `${proxy} ${origin}`;
}

/** New instances for each run, because they learn. */
export const BASELINES: readonly (() => Policy)[] = [
  smoothedBySize,
  manualOneNumber,
  () => idle('fixed 300 s of silence', 300_000),
  percentile,
  () => total('fixed 300 s in total', 300_000),
  manualScaled,
  smoothedTotals,
  () => lowSpeed('librepo: 1 kB/s for 120 s', 1_000, 120_000),
  () => idle('fixed 30 s of silence', 30_000),
  () => lowSpeed('curl: 1 KB/s for 30 s', 1_024, 30_000),
  () => total('fixed 30 s in total', 30_000),
];
