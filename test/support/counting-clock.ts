// The machine's clock, which also knows its armed timers, so that a test can assert that none is left.

import { type Clock, systemClock, type Timer } from '#system/clock.ts';

export class CountingClock implements Clock {
  readonly #armed = new Set<Timer>();
  readonly #faster: number;
  /** Timers made so far. */
  made = 0;

  /** With a number, timers end this much sooner. */
  constructor(faster = 1) {
    this.#faster = faster;
  }

  now(): number {
    return systemClock.now();
  }

  monotonic(): number {
    return systemClock.monotonic();
  }

  after(ms: number, callback: () => void): Timer {
    this.made += 1;
    const timer = systemClock.after(ms / this.#faster, () => {
      this.#armed.delete(counted);
      callback();
    });
    const counted: Timer = {
      cancel: () => {
        this.#armed.delete(counted);
        timer.cancel();
      },
      restart: () => {
        this.#armed.add(counted);
        timer.restart();
      },
    };
    this.#armed.add(counted);
    return counted;
  }

  /** Number of timers that wait. */
  get pending(): number {
    return this.#armed.size;
  }
}
