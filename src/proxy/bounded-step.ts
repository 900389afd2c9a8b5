// One step of opening a connection, with a bound (principle 4): it ends by itself, at its deadline, or at the abort.
//
// Guarantees: settles exactly once; `cleanUp` of the step has run by then, the timer is cancelled and the signal's
// listener is gone. What the step must do when it does not succeed (destroy its socket) is in that clean-up.

import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';

/** What bounds a step. */
export interface StepBounds {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  /** The failure to throw when the time is over. */
  readonly late: (elapsedMs: number) => Error;
}

/** How a step says that it ended. Only the first call counts. */
export interface StepEnd<T> {
  done(value: T): void;
  fail(error: unknown): void;
}

/** Runs a step. `start` returns its clean-up, which is told whether the step succeeded. */
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
    // A step may end inside `start`, before its clean-up was known.
    if (ended) cleanUp(succeeded);
  });
}
