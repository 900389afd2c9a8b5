// One step of opening a connection, with a time limit (principle 4). It ends when its work is done, at its deadline, or
// at an abort.
//
// Guarantees: the promise settles exactly once. If the step failed, its `cleanUp` ran first, for example to destroy its
// socket. The timer is cancelled, and the listener on the signal is removed.

import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';

/** What bounds a step. */
export interface StepBounds {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The failure to throw at the deadline. */
  readonly late: (elapsedMs: number) => Error;
}

/** How a step reports its end. Only the first call has an effect. */
export interface StepEnd<T> {
  done(value: T): void;
  fail(error: unknown): void;
}

/** Runs a step. `start` returns its clean-up, which receives whether the step succeeded. */
export function boundedStep<T>(
  bounds: StepBounds,
  start: (end: StepEnd<T>) => (succeeded: boolean) => void,
): Promise<T> {
  const { clock, signal } = bounds;
  const startedMs = clock.monotonic();
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason as Error);
      return;
    }
    let ended = false;
    let cleanUp: ((succeeded: boolean) => void) | undefined;
    let succeeded = false;
    const settle = (success: boolean, act: () => void) => {
      if (ended) return;
      ended = true;
      succeeded = success;
      timer.cancel();
      stopListening();
      cleanUp?.(success);
      act();
    };
    const fail = (error: unknown) => settle(false, () => reject(error));
    const timer = clock.after(bounds.timeoutMs, () => fail(bounds.late(clock.monotonic() - startedMs)));
    const stopListening = onAbort(signal, () => fail(signal.reason));
    try {
      cleanUp = start({ done: (value) => settle(true, () => resolve(value)), fail });
    } catch (thrown) {
      fail(thrown);
      return;
    }
    // A step may end inside `start`, before its clean-up is known.
    if (ended) cleanUp(succeeded);
  });
}
