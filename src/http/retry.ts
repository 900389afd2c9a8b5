// Retries operations whose failure may be temporary, with p-retry and our own delays and limits.
//
// Guarantees: only a failure whose catalogue entry says `later` is retried, unless the caller knows that the next
// attempt differs. The last failure is thrown unchanged, and an abort ends a wait. p-retry supports neither full jitter
// nor Retry-After, and cannot reset its count. Therefore its own delay is 0 and its count unlimited; our delay and
// count are in `onFailedAttempt`. After an abort, p-retry waits for the running attempt, so attempts must receive the
// signal themselves.

import pRetry from 'p-retry';
import { CodedError } from '#errors/coded-error.ts';
import { type Clock, type Random, wait } from '#system/clock.ts';
import { nextDelay } from './retry-delay.ts';

/** The caller plans a longer wait, which must not occupy a slot and must survive a restart. */
const MAX_LOCAL_WAIT_MS = 60_000;

/**
 * What a failure costs. `one`: an attempt. `reset`: nothing, and the count starts again, because the attempt made
 * progress. `none`: nothing, and the next attempt follows whatever the failure was, because it is a different one.
 * `over`: all remaining attempts.
 */
export type AttemptCost = 'one' | 'reset' | 'none' | 'over';

export interface RetryOptions {
  /** Maximum number of attempts, including the first. */
  readonly attempts: number;
  readonly maxDelaySeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Minimum wait, if it is more than a quarter of a second. */
  readonly soonestMs?: number;
  /** Called once for each failure. Without it each failure costs one attempt. */
  costOf?(error: CodedError): AttemptCost;
  /** Called before each wait with the failure, the number of attempts so far, and the time until the next one. */
  onRetry(error: CodedError, attempt: number, delayMs: number): void;
}

/**
 * Runs `attempt` with its number (from 1) until it succeeds or a retry is useless.
 * @throws the last failure; with the fact `retryAfterMs` when the next attempt is more than a minute away
 */
export function withRetries<T>(options: RetryOptions, attempt: (number: number) => Promise<T>): Promise<T> {
  let spent = 0;
  return pRetry(attempt, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 0,
    signal: options.signal,
    onFailedAttempt: async ({ error }) => {
      if (!(error instanceof CodedError)) throw error;
      const cost = options.costOf?.(error) ?? 'one';
      if (cost === 'over' || (cost !== 'none' && !error.retryable)) throw error;
      if (cost === 'reset') spent = 0;
      if (cost === 'one') spent += 1;
      if (spent >= options.attempts) throw error;
      await beforeNext(options, error, cost === 'none' ? 0 : spent);
    },
  });
}

/** If `spent` is 0, the wait does not grow: only the requested and the minimum delay apply. */
async function beforeNext(options: RetryOptions, error: CodedError, spent: number): Promise<void> {
  const { maxDelaySeconds, soonestMs = 0 } = options;
  const random = spent === 0 ? 0 : options.random();
  const delayMs = nextDelay(error, spent, { random, maxDelaySeconds, soonestMs });
  if (delayMs > MAX_LOCAL_WAIT_MS) {
    throw new CodedError(error.code, { ...error.facts, retryAfterMs: delayMs }, error).during(error.trace);
  }
  options.onRetry(error, spent, delayMs);
  await wait(options.clock, delayMs, options.signal);
}
