// Detects steps of the wall clock: each check compares it with the monotonic clock.
//
// After a suspend, the wall clock is ahead, because CLOCK_MONOTONIC stops meanwhile. After a step, it is ahead or
// behind. A suspend and a step forward look the same, and callers treat them the same. A slow correction is not a step
// (NTP changes the rate by at most 0.05 %).

import type { Clock } from '#system/clock.ts';

const SMALLEST_STEP_MS = 5_000;

export class ClockSteps {
  readonly #clock: Clock;
  #distance: number;
  #lookedAt: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#lookedAt = clock.monotonic();
    this.#distance = clock.now() - this.#lookedAt;
  }

  /**
   * How far the wall clock stepped since the previous call, in milliseconds (negative: back; 0: not at all), and how
   * long ago that call was.
   */
  look(): { readonly stepMs: number; readonly sinceMs: number } {
    const now = this.#clock.monotonic();
    const sinceMs = now - this.#lookedAt;
    const distance = this.#clock.now() - now;
    const step = Math.round(distance - this.#distance);
    this.#lookedAt = now;
    this.#distance = distance;
    return { stepMs: Math.abs(step) >= SMALLEST_STEP_MS ? step : 0, sinceMs };
  }
}
