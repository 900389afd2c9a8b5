// The rule of a bandwidth limit: a token bucket that may be overdrawn. Pure: rates and times are arguments.
//
// A byte costs one token, and tokens arrive at the rate of the limit. Bytes are counted after they were received, so
// the balance can be negative. A reader then pauses until there were tokens for every byte up to its own last one. All
// readers share one balance, so together they are not faster than one alone, and each gets its turn.

/** The balance at a moment of the monotonic clock. */
export interface TokenBucket {
  readonly tokens: number;
  readonly atMs: number;
  /** All bytes that were ever received. */
  readonly taken: number;
}

/**
 * Tokens are saved up for this long, so that a pause that ends late on a busy host does not lower the rate. More would
 * allow bursts above the limit.
 */
const MAX_SAVED_MS = 100;
/** A shorter pause is put off until there is more to wait for, because timers are not exact. */
const MIN_PAUSE_MS = 5;

/** An empty bucket: the first bytes are delayed like all others. */
export function emptyBucket(atMs: number): TokenBucket {
  return { tokens: 0, atMs, taken: 0 };
}

/** The balance after the time since the last change, and after `bytes` were received. Rates are in bytes per second. */
export function withTaken(bucket: TokenBucket, { bytesPerSecond, nowMs, bytes }: Taken): TokenBucket {
  const elapsedMs = Math.max(0, nowMs - bucket.atMs);
  const saved = Math.min((bytesPerSecond * MAX_SAVED_MS) / 1_000, bucket.tokens + (bytesPerSecond * elapsedMs) / 1_000);
  return { tokens: saved - bytes, atMs: Math.max(bucket.atMs, nowMs), taken: bucket.taken + bytes };
}

interface Taken {
  readonly bytesPerSecond: number;
  readonly nowMs: number;
  readonly bytes: number;
}

/** How long until the first `upTo` bytes are paid, in milliseconds; 0 if there is nothing to wait for. */
export function pauseOf({ tokens, taken }: TokenBucket, bytesPerSecond: number, upTo = taken): number {
  const ms = ((upTo - taken - tokens) * 1_000) / bytesPerSecond;
  return ms < MIN_PAUSE_MS ? 0 : Math.ceil(ms);
}
