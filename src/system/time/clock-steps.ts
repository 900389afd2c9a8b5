// Tells when the wall clock moved by itself: it and the monotonic clock are compared at every look.
//
// After a suspend the wall clock is ahead (CLOCK_MONOTONIC stands still meanwhile), after a step it is ahead or behind.
// Which of the two it was nobody can tell, and nobody needs to. A slow correction (NTP slews at most 0.05 %) is none.

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

  /** By how much the wall clock moved since the last look, forward or (negative) back (0: not at all), and how long ago. */
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
