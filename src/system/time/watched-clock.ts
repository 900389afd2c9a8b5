// A clock that records every wait on it, so that a watchdog can distinguish a daemon that waits from one that hangs.
//
// Guarantees: a wait is recorded from `after` until its timer fires or is cancelled. A wait that is used as a deadline
// stays recorded until it is cancelled, even after its timer has fired, so an operation that exceeds its deadline is
// detected. Times, timers and their order are those of the inner clock. A wait that has ended uses no memory.

import { type Clock, clampWait, type Timer } from '#system/clock.ts';

/** A wait that is past its end. */
export interface OverdueWait {
  /** What the wait guards; `a timer` if the caller did not name it. */
  readonly what: string;
  readonly overdueMs: number;
}

interface Wait {
  readonly what: string;
  dueMs: number;
}

/** A decorator for any clock. */
export class WatchedClock implements Clock {
  readonly #inner: Clock;
  readonly #waits = new Set<Wait>();

  constructor(inner: Clock) {
    this.#inner = inner;
  }

  now(): number {
    return this.#inner.now();
  }

  monotonic(): number {
    return this.#inner.monotonic();
  }

  after(ms: number, callback: () => void, guards?: string): Timer {
    const delayMs = clampWait(ms);
    const wait: Wait = { what: guards ?? 'a timer', dueMs: this.#inner.monotonic() + delayMs };
    const timer = this.#inner.after(ms, () => {
      if (guards === undefined) this.#waits.delete(wait);
      callback();
    });
    this.#waits.add(wait);
    let cancelled = false;
    return {
      cancel: () => {
        cancelled = true;
        this.#waits.delete(wait);
        timer.cancel();
      },
      restart: () => {
        timer.restart();
        if (cancelled) return;
        wait.dueMs = this.#inner.monotonic() + delayMs;
        this.#waits.add(wait);
      },
    };
  }

  /** The wait that is furthest past its end; null when none is. */
  mostOverdue(): OverdueWait | null {
    const now = this.#inner.monotonic();
    let longest: Wait | null = null;
    for (const wait of this.#waits) {
      if (wait.dueMs <= now && (longest === null || wait.dueMs < longest.dueMs)) longest = wait;
    }
    return longest === null ? null : { what: longest.what, overdueMs: now - longest.dueMs };
  }
}
