// The cost of a lasting change of a simulated route: a scanner holds each package back, by seeded chance.

import { describe, expect, it } from 'vitest';
import { DAY_MS, ROUTE } from '#test/support/timeout-histories.ts';
import { type PreviousAttempt, ResponseTimeoutModel, type TimeoutPlan } from '#timeout/model.ts';

const MB = 1e6;
const HOUR_MS = 3_600_000;
const SEEDS = [11, 12, 13, 14, 15];

/** From 0 to below 1, the same on every machine. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** A route whose scanner needs about a second for each MB, times `slow`; some packages are dense. */
class Scanner {
  readonly #model = new ResponseTimeoutModel();
  readonly #random: () => number;
  #atMs = 0;

  constructor(seed: number) {
    this.#random = chance(seed);
  }

  /** Fetches one package until it is complete; returns how many attempts were killed. */
  fetch(slow: number, everyMs = HOUR_MS, known: number | null = null): number {
    const size = known ?? Math.round(1e4 * 4e4 ** this.#random());
    const density = 0.6 + 0.8 * this.#random();
    const tookMs = slow * (500 + (size / MB) * 1_000 * density);
    this.#atMs += everyMs;
    let killed = 0;
    let plan = this.#model.plan(ROUTE, size, this.#atMs);
    while (plan.firstByteMs < tookMs) {
      killed += 1;
      this.#observe(size, { ok: false, ms: plan.firstByteMs });
      plan = this.#model.plan(ROUTE, size, this.#atMs, { plan, timedOut: 'first_byte' });
    }
    this.#observe(size, { ok: true, ms: tookMs });
    return killed;
  }

  /** The same if one answer in twelve needs half a minute, whatever the size, and its repetition does not. */
  fetchSleepy(): number {
    this.#atMs += HOUR_MS;
    let killed = 0;
    let previous: PreviousAttempt | undefined;
    for (;;) {
      const plan = this.#model.plan(ROUTE, MB, this.#atMs, previous);
      const tookMs = this.#random() < 1 / 12 ? 20_000 + 20_000 * this.#random() : 300;
      const ok = plan.firstByteMs >= tookMs;
      this.#observe(MB, { ok, ms: Math.min(tookMs, plan.firstByteMs) });
      if (ok) return killed;
      previous = { plan, timedOut: 'first_byte' };
      killed += 1;
    }
  }

  /** For a large package, so that the minimum of 10 s does not matter. */
  plan(): TimeoutPlan {
    return this.#model.plan(ROUTE, 100 * MB, this.#atMs);
  }

  #observe(size: number, { ok, ms }: { ok: boolean; ms: number }): void {
    const times = { firstByteMs: ok ? ms : null, longestSilenceMs: ok ? 50 : null, totalMs: ms + (ok ? 50 : 0) };
    this.#model.observe(ROUTE, { size, ok, timedOut: ok ? null : 'first_byte', ...times, atMs: this.#atMs });
  }
}

/** The longest time that 100 MB take at this slowness. */
const trueMs = (slow: number) => slow * (500 + 100 * 1_000 * 1.4);

function times(count: number, step: () => number): number {
  return Array.from({ length: count }, step).reduce((sum, killed) => sum + killed, 0);
}

describe('timeout: a lasting slow-down by six', () => {
  it.each(SEEDS)('kills at most two good transfers (seed %i)', (seed) => {
    const scanner = new Scanner(seed);
    times(300, () => scanner.fetch(1));
    expect(times(100, () => scanner.fetch(6))).toBeLessThanOrEqual(2);
  });

  it.each(SEEDS)('is forgotten 50 downloads later: deadlines at most triple the truth (seed %i)', (seed) => {
    const scanner = new Scanner(seed);
    times(300, () => scanner.fetch(1));
    times(300, () => scanner.fetch(6));
    times(50, () => scanner.fetch(1));
    expect(scanner.plan().firstByteMs).toBeLessThanOrEqual(3 * trueMs(1));
  });
});

describe('timeout: ten downloads a month', () => {
  it.each(SEEDS)('forgets a slow month within 60 days (seed %i)', (seed) => {
    const scanner = new Scanner(seed);
    times(30, () => scanner.fetch(1, 3 * DAY_MS));
    times(9, () => scanner.fetch(6, 3 * DAY_MS));
    scanner.fetch(6, 3 * DAY_MS, 100 * MB);
    const slow = scanner.plan().firstByteMs;
    times(20, () => scanner.fetch(1, 3 * DAY_MS));
    expect(slow).toBeGreaterThan(3 * trueMs(1));
    expect(scanner.plan().firstByteMs).toBeLessThanOrEqual(3 * trueMs(1));
  });
});

describe('timeout: an unchanged route', () => {
  it.each(SEEDS)('loses at most two good transfers in a thousand (seed %i)', (seed) => {
    const scanner = new Scanner(seed);
    expect(times(1_000, () => scanner.fetch(1))).toBeLessThanOrEqual(2);
  });
});

describe('timeout: a sometimes slow route', () => {
  it.each(SEEDS)('is detected after the first timeouts (seed %i)', (seed) => {
    const route = new Scanner(seed);
    times(100, () => route.fetchSleepy());
    expect(times(400, () => route.fetchSleepy())).toBeLessThanOrEqual(2);
  });
});
