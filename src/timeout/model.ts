// Decides how long to wait for a response, from data alone: no clock, no files, no randomness (principle 2).
//
// There is a deadline for each of three phases: the first byte of the body, the longest silence after it, and the whole
// transfer. The model learns each phase per route and size, only from downloads whose digest was verified. A timeout,
// an error, or a page in place of the package adds no sample. A new origin behind a known proxy starts with the samples
// of that proxy. No peer can raise a deadline above its maximum.

import { NewestMap } from '#system/newest.ts';
import { deadlineOf, expectedMs } from './deadline.ts';
import { explain } from './explain.ts';
import { type History, NO_HISTORY, type Sample, TIMEOUT_PHASES, withSuccess, withTimeout } from './samples.ts';
import { fromSaved, MAX_ROUTES, toSaved } from './saved.ts';
import { maxDeadlineMs, NO_LIMIT_MS, withDefaults, withinBounds } from './settings.ts';
import type { AttemptOutcome, PlannedRoute, RouteKey, TimeoutPhase, TimeoutPlan, TimeoutSettings } from './types.ts';

export type { AttemptOutcome, PlannedRoute, RouteKey, TimeoutPhase, TimeoutPlan, TimeoutSettings };

/** The previous attempt of the same package. */
export interface PreviousAttempt {
  readonly plan: TimeoutPlan;
  readonly timedOut: TimeoutPhase | null;
}

/** The proxy of a route that has none. Origins that are reached directly share no history. */
const DIRECT = 'direct';
/** An origin with this many samples of its own uses none of the other origins behind its proxy. */
const OWN_ENOUGH = 10;
/**
 * At the total deadline an attempt continues if its average pace would finish it within this many times the deadline.
 */
const MAX_EXTENSION_FACTOR = 1.6;
/** Margin over the time at which the average pace would finish. */
const PACE_MARGIN = 1.1;
/** For a package of unknown size: the slowest pace at which an attempt continues past the total deadline. */
const SLOWEST_BYTES_PER_MS = 10;

/** Plans the deadlines of each attempt and learns from its outcome. */
export class ResponseTimeoutModel {
  #settings: TimeoutSettings;
  /** In order of last use, the most recent last. */
  readonly #routes = new NewestMap<string, { readonly key: RouteKey; readonly history: History }>(MAX_ROUTES);
  readonly #proxies = new NewestMap<string, History>(MAX_ROUTES);

  /** Settings that are not given have their default values. A damaged saved state is treated as absent. */
  constructor(settings: Partial<TimeoutSettings> = {}, saved?: unknown) {
    this.#settings = withDefaults(settings);
    const learned = fromSaved(saved);
    for (const { proxy, origin, history } of learned.routes) {
      this.#routes.set(nameOf({ proxy, origin }), { key: { proxy, origin }, history });
    }
    for (const { proxy, history } of learned.proxies) this.#proxies.set(proxy, history);
  }

  /** Changes the settings from the next plan on. What was learned stays. */
  configure(settings: Partial<TimeoutSettings>): void {
    this.#settings = withDefaults(settings);
  }

  /**
   * The plan for a package of `size` bytes (0: unknown).
   * @throws RangeError for a size or time that is not a valid number
   */
  plan(route: PlannedRoute, size: number, nowMs: number, previous?: PreviousAttempt): TimeoutPlan {
    checkNumbers({ size, nowMs });
    if (this.#settings.mode === 'fixed') return fixedPlan(size, this.#settings.baseMs);
    const { history, borrowed } = this.#basis(route);
    const planned = size > 0 ? size : history.largest;
    const { baseMs } = this.#settings;
    const { isOpaque } = route;
    const deadline = (phase: TimeoutPhase) => deadlineOf(history, { phase, size: planned, nowMs, baseMs, isOpaque });
    const [first, total] = [deadline('first_byte'), deadline('total')];
    const silence = deadline('silence');
    // On a known route the total deadline never ends a single wait that is allowed.
    const waits =
      first.evidence === null ? 0 : this.#within(first.ms, 'first_byte') + this.#within(silence.ms, 'silence');
    const wanted = { first_byte: first.ms, silence: silence.ms, total: Math.max(total.ms, waits) };
    const bounded = this.#bounded(wanted, previous);
    return {
      size,
      ...bounded,
      expectedMs: expectedMs(total, planned),
      explanation: explain(first, { borrowed, retried: (previous?.timedOut ?? null) !== null }),
    };
  }

  /**
   * Called at the total deadline: the new deadline in ms since the attempt began, or 0 to end the attempt. A transfer
   * whose pace will finish it gets more time; one that drips does not.
   */
  extend(plan: TimeoutPlan, elapsedMs: number, bytes: number): number {
    checkNumbers({ elapsedMs, bytes });
    if (this.#settings.mode === 'fixed') return NO_LIMIT_MS;
    const ceiling = maxDeadlineMs('total', this.#settings);
    if (elapsedMs >= ceiling || bytes === 0) return 0;
    const limit = plan.totalMs * MAX_EXTENSION_FACTOR;
    if (plan.size === 0) {
      const healthy = bytes >= elapsedMs * SLOWEST_BYTES_PER_MS;
      return healthy ? later(elapsedMs, elapsedMs * 2, ceiling) : 0;
    }
    const finishedAt = (elapsedMs * plan.size) / bytes;
    return finishedAt <= limit ? later(elapsedMs, Math.min(limit, finishedAt * PACE_MARGIN), ceiling) : 0;
  }

  /**
   * Learns from an attempt. An outcome that is neither a verified success nor a timeout teaches nothing.
   * @throws RangeError for a value that is not a valid number
   */
  observe(route: RouteKey, outcome: AttemptOutcome): void {
    const { size, totalMs, atMs, firstByteMs, longestSilenceMs } = outcome;
    checkNumbers({
      size,
      atMs,
      totalMs: totalMs ?? 0,
      firstByteMs: firstByteMs ?? 0,
      longestSilenceMs: longestSilenceMs ?? 0,
    });
    const { timedOut } = outcome;
    if (outcome.ok && timedOut === null) this.#learn(route, (history) => withSuccess(history, outcome));
    else if (timedOut !== null) this.#learn(route, (history) => withTimeout(history, size, timedOut));
  }

  /** The verified downloads that a plan for this route rests on, oldest first. */
  samples(route: RouteKey): readonly Sample[] {
    return this.#basis(route).history.samples;
  }

  /** The routes with any history, the most recently used last. */
  routes(): RouteKey[] {
    return [...this.#routes.values()].map(({ key }) => key);
  }

  /** What was learned, as plain JSON that the constructor accepts. */
  save(): unknown {
    return toSaved({
      routes: [...this.#routes.values()].map(({ key, history }) => ({ ...key, history })),
      proxies: [...this.#proxies].map(([proxy, history]) => ({ proxy, history })),
    });
  }

  #learn(route: RouteKey, step: (history: History) => History): void {
    const name = nameOf(route);
    const before = this.#routes.get(name)?.history ?? NO_HISTORY;
    this.#routes.set(name, { key: { proxy: route.proxy, origin: route.origin }, history: step(before) });
    if (route.proxy === DIRECT) return;
    const shared = this.#proxies.get(route.proxy) ?? NO_HISTORY;
    this.#proxies.set(route.proxy, step(shared));
  }

  /** What a plan rests on: the route's own history, or its proxy's while the route has too few samples. */
  #basis(route: RouteKey): { readonly history: History; readonly borrowed: boolean } {
    const own = this.#routes.get(nameOf(route))?.history ?? NO_HISTORY;
    if (own.count >= OWN_ENOUGH || route.proxy === DIRECT) return { history: own, borrowed: false };
    const shared = this.#proxies.get(route.proxy) ?? NO_HISTORY;
    return { history: shared, borrowed: shared.count > own.count };
  }

  #bounded(wanted: Readonly<Record<TimeoutPhase, number>>, previous: PreviousAttempt | undefined) {
    const before = previous === undefined ? null : previous.plan;
    const ms = { ...wanted };
    for (const phase of TIMEOUT_PHASES) {
      const factor = (previous?.timedOut ?? null) === null ? 1 : 2;
      if (before !== null) ms[phase] = Math.max(ms[phase], factor * plannedFor(before, phase));
    }
    const firstByteMs = this.#within(ms.first_byte, 'first_byte');
    const silenceMs = this.#within(ms.silence, 'silence');
    const totalMs = this.#within(Math.max(ms.total, firstByteMs, silenceMs), 'total');
    return { firstByteMs, silenceMs, totalMs };
  }

  #within(ms: number, phase: TimeoutPhase): number {
    return withinBounds(ms, phase, this.#settings);
  }
}

function plannedFor(plan: TimeoutPlan, phase: TimeoutPhase): number {
  if (phase === 'total') return plan.totalMs;
  return phase === 'silence' ? plan.silenceMs : plan.firstByteMs;
}

function fixedPlan(size: number, baseMs: number): TimeoutPlan {
  return {
    size,
    firstByteMs: baseMs,
    silenceMs: baseMs,
    totalMs: NO_LIMIT_MS,
    expectedMs: null,
    explanation: 'response_timeout.mode is fixed, this is its base_ms',
  };
}

/** A later deadline lies after the time that has passed and does not exceed the ceiling. */
function later(elapsedMs: number, wantedMs: number, ceilingMs: number): number {
  return Math.min(ceilingMs, Math.max(Math.floor(elapsedMs) + 1, Math.ceil(wantedMs)));
}

/** No two routes share a name, whatever characters their parts contain. */
function nameOf({ proxy, origin }: RouteKey): string {
  return JSON.stringify([proxy, origin]);
}

function checkNumbers(numbers: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(numbers)) {
    if (!(value >= 0) || value === Number.POSITIVE_INFINITY) {
      throw new RangeError(`${name} is ${value}; it must be a number from 0 on`);
    }
  }
}
