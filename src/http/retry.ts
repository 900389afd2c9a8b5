// Tries again what may succeed by itself, on p-retry, with our own delay and our own way out.
//
// Guarantees: only a failure whose catalogue entry says `later` is tried again; the last failure comes out as it is; a
// wait ends with the signal. p-retry has no full jitter and no Retry-After, so its own delay is 0 and ours is awaited in
// `onFailedAttempt`; it settles an abort only when the attempt does, so attempts must be given the signal themselves.

import pRetry, { type RetryContext } from 'p-retry';
import { CodedError } from '#errors/coded-error.ts';
import { type Clock, type Random, wait } from '#system/clock.ts';
import { nextDelay } from './retry-delay.ts';

/** A longer wait is the caller's to plan: it must not hold a slot, and it must survive a restart. */
const LONGEST_WAIT_HERE_MS = 60_000;

export interface RetryOptions {
  /** How often at most, the first try included. */
  readonly attempts: number;
  readonly maxDelaySeconds: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  /** Told before each wait: what failed, as which attempt (from 1), and how long until the next one. */
  onRetry(error: CodedError, attempt: number, delayMs: number): void;
}

/**
 * Runs `attempt` (told its number, from 1) until it succeeds or trying again is of no use.
 * @throws the last failure; with the fact `retryAfterMs` when the next try is more than a minute away
 */
export function withRetries<T>(options: RetryOptions, attempt: (number: number) => Promise<T>): Promise<T> {
  return pRetry(attempt, {
    retries: options.attempts - 1,
    minTimeout: 0,
    signal: options.signal,
    onFailedAttempt: (context) => beforeNext(options, context),
  });
}

async function beforeNext(options: RetryOptions, context: RetryContext): Promise<void> {
  const { error, attemptNumber, retriesLeft } = context;
  if (!(error instanceof CodedError) || !error.retryable || retriesLeft <= 0) throw error;
  const { maxDelaySeconds } = options;
  const delayMs = nextDelay(error, attemptNumber, { random: options.random(), maxDelaySeconds });
  if (delayMs > LONGEST_WAIT_HERE_MS) {
    throw new CodedError(error.code, { ...error.facts, retryAfterMs: delayMs }, error).during(error.journey);
  }
  options.onRetry(error, attemptNumber, delayMs);
  await wait(options.clock, delayMs, options.signal);
}
