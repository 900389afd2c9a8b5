// A clock like `systemClock` that only tests advance, so that no test sleeps.
//
// Timers fire in the order of their time, then of their creation, each with the clock at exactly its time. If a
// callback creates a timer that becomes due within the same advance, that timer also fires. A step of the wall clock
// moves no timer.

import { type Clock, clampWait, type Timer } from '#system/clock.ts';

interface Armed {
  readonly at: number;
  readonly order: number;
  readonly callback: () => void;
}

export class FakeClock implements Clock {
  #wall: number;
  #monotonic = 0;
  #order = 0;
  readonly #armed = new Set<Armed>();

  constructor(wallMs: number = Date.UTC(2026, 10, 20, 0, 4, 10)) {
    this.#wall = wallMs;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  after(ms: number, callback: () => void): Timer {
    const delay = clampWait(ms);
    let cancelled = false;
    let armed = this.#arm(delay, callback);
    return {
      cancel: () => {
        cancelled = true;
        this.#armed.delete(armed);
      },
      restart: () => {
        if (cancelled) return;
        this.#armed.delete(armed);
        armed = this.#arm(delay, callback);
      },
    };
  }

  /** Number of timers that wait. */
  get pending(): number {
    return this.#armed.size;
  }

  /** Milliseconds until the next timer; null when none waits. */
  get untilNext(): number | null {
    const next = this.#next();
    return next === null ? null : next.at - this.#monotonic;
  }

  /** Lets so much time pass and fires what falls due in it. */
  advance(ms: number): void {
    const end = this.#monotonic + ms;
    for (let next = this.#next(); next !== null && next.at <= end; next = this.#next()) this.#fire(next);
    this.#moveTo(end);
  }

  /** The same, and lets everything that promises set off settle before each timer and at the end. */
  async advanceAsync(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    await settle();
    for (let next = this.#next(); next !== null && next.at <= end; next = this.#next()) {
      this.#fire(next);
      await settle();
    }
    this.#moveTo(end);
    await settle();
  }

  /** Steps the wall clock, as an admin or NTP does: no wait changes. */
  stepWall(ms: number): void {
    this.#wall += ms;
  }

  #arm(delay: number, callback: () => void): Armed {
    this.#order += 1;
    const armed = { at: this.#monotonic + delay, order: this.#order, callback };
    this.#armed.add(armed);
    return armed;
  }

  #next(): Armed | null {
    let next: Armed | null = null;
    for (const armed of this.#armed) {
      if (next === null || armed.at < next.at || (armed.at === next.at && armed.order < next.order)) next = armed;
    }
    return next;
  }

  #fire(armed: Armed): void {
    this.#armed.delete(armed);
    this.#moveTo(armed.at);
    armed.callback();
  }

  #moveTo(monotonic: number): void {
    const passed = Math.max(0, monotonic - this.#monotonic);
    this.#monotonic += passed;
    this.#wall += passed;
  }
}

/** A turn of the event loop: every promise that could settle has. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
