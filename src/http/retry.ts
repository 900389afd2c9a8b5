// Tries again what may succeed by itself, on p-retry, with our own delay and our own way out.
//
// Guarantees: only a failure whose catalogue entry says `later` is tried again, unless the caller knows that the next
// attempt is a different one; the last failure comes out as it is; a wait ends with the signal. p-retry has no full
// jitter, no Retry-After and no count that can be reset, so its delay is 0, its count is endless, and ours are in
// `onFailedAttempt`. It settles an abort only when the attempt does, so attempts must be given the signal themselves.

import pRetry from 'p-retry';
import { CodedError } from '#errors/coded-error.ts';
import { type Clock, type Random, wait } from '#system/clock.ts';
import { nextDelay } from './retry-delay.ts';

/** A longer wait is the caller's to plan: it must not hold a slot, and it must survive a restart. */
const MAX_LOCAL_WAIT_MS = 60_000;

/**
 * What a failure costs. `one`: an attempt. `reset`: nothing, and the count begins again, because the attempt brought
 * something. `none`: nothing, and the next attempt follows whatever the failure was, because it is a different one.
 * `over`: all that are left.
 */
export type Cost = 'one' | 'reset' | 'none' | 'over';

export interface RetryOptions {
  /** How often at most, the first try included. */
  readonly attempts: number;
  readonly maxDelaySeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** The shortest wait, where that is more than a quarter of a second. */
  readonly soonestMs?: number;
  /** Asked once for each failure; without it each costs an attempt. */
  costOf?(error: CodedError): Cost;
  /** Told before each wait: what failed, how many attempts that makes, and how long until the next one. */
  onRetry(error: CodedError, attempt: number, delayMs: number): void;
}

/**
 * Runs `attempt` (told its number, from 1) until it succeeds or trying again is of no use.
 * @throws the last failure; with the fact `retryAfterMs` when the next try is more than a minute away
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

/** `spent` 0: no wait grows, only what is asked for and the shortest one are waited for. */
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
