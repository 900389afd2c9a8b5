// Time: the only place where the program reads a clock or sets a timer (principles 2 and 4).
//
// Wall time is for people, dates and schedules; every wait and every deadline runs on the monotonic clock, so a clock
// step of years moves none of them. Timers are clamped: Node fires a timeout above 2147483647 ms after 1 ms.

import { randomBytes } from 'node:crypto';
import { onAbort } from './abort.ts';

/** The longest wait that a Node timer can hold, in milliseconds; the manual's maximum, too. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Clock and timers; `test/support/fake-clock.ts` has a twin that moves by hand. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch; may step. */
  now(): number;
  /** Monotonic milliseconds since some moment; never steps. */
  monotonic(): number;
  /**
   * Calls back once after so many milliseconds (clamped to 0..2147483647) unless cancelled. `guards` names the work that
   * it ends: whoever gives it calls the timer off when that work has ended, also after it fired (`watched-clock.ts`).
   */
  after(ms: number, callback: () => void, guards?: string): Timer;
}

/** A timer that can be called off; calling it off twice is harmless. */
export interface Timer {
  cancel(): void;
  /** Starts the whole wait anew from now, also after it ended; a timer that was called off stays off. */
  restart(): void;
}

/** Waits so many milliseconds; rejects with the signal's reason as soon as it is aborted. */
export function wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const timer = clock.after(ms, () => {
      stopListening();
      resolve();
    });
    const stopListening = onAbort(signal, () => {
      timer.cancel();
      reject(signal.reason as Error);
    });
  });
}

/** Clamps a wait to what a timer can hold; NaN and negative become 0. */
export function clampWait(ms: number): number {
  return ms > 0 ? Math.min(Math.ceil(ms), MAX_TIMER_MS) : 0;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, callback) {
    const delay = clampWait(ms);
    const timeout = setTimeout(callback, delay);
    let cancelled = false;
    return {
      cancel() {
        cancelled = true;
        clearTimeout(timeout);
      },
      restart() {
        if (cancelled) return;
        // refresh() keeps the delay and costs no new timer; after firing it arms the same timer again.
        timeout.refresh();
      },
    };
  },
};

/** CLOCK_MONOTONIC in microseconds, as other processes of this machine read it. */
export function kernelMonotonicMicros(): bigint {
  return process.hrtime.bigint() / 1_000n;
}

/** A number in [0, 1) that nobody can foresee; injected wherever a decision needs chance. */
export type Random = () => number;

/** The machine's own chance: 48 random bits. */
export const systemRandom: Random = () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48;
