// Reads the clock and sets timers; no other file does (principles 2 and 4).
//
// Wall time is for people, dates and schedules. Every wait and deadline uses the monotonic clock, so a clock step of
// years affects none of them. The length of a timer is limited, because Node fires a timeout above 2147483647 ms after
// 1 ms.

import { randomBytes } from 'node:crypto';
import { onAbort } from './abort.ts';

/** Maximum delay of a Node timer, in milliseconds; also the maximum in the manual. */
export const MAX_TIMER_MS = 2_147_483_647;

/** Clock and timers. The one in `test/support/fake-clock.ts` is advanced by the test. */
export interface Clock {
  /** Wall clock, milliseconds since the epoch; may step. */
  now(): number;
  /** Monotonic milliseconds since an arbitrary moment; never steps. */
  monotonic(): number;
  /**
   * Calls back once after `ms` milliseconds (clamped to 0..2147483647) unless cancelled. `guards` names the work that
   * the timer ends. A caller that sets it cancels the timer when that work has ended, even if the timer has fired
   * (`watched-clock.ts`).
   */
  after(ms: number, callback: () => void, guards?: string): Timer;
}

/** A timer that can be cancelled; cancelling it twice is harmless. */
export interface Timer {
  cancel(): void;
  /** Restarts the whole wait from now, even after it ended. A cancelled timer stays cancelled. */
  restart(): void;
}

/** Waits `ms` milliseconds; rejects with the signal's reason as soon as it is aborted. */
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

/** Clamps a delay in milliseconds to the range of a timer; NaN and negative values become 0. */
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
        // refresh() keeps the delay and needs no new timer; after firing, it starts the same timer again.
        timeout.refresh();
      },
    };
  },
};

/** CLOCK_MONOTONIC in microseconds, as other processes of this host read it. */
export function kernelMonotonicMicros(): bigint {
  return process.hrtime.bigint() / 1_000n;
}

/** An unpredictable number in [0, 1); injected wherever a decision needs randomness. */
export type Random = () => number;

/** The random numbers of the system: 48 random bits each. */
export const systemRandom: Random = () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48;
