// Limits how many messages of the platform are handled within a minute. Pure.

/**
 * The most messages within a minute. A host that was offline for long may get 1,000 commands and confirmations of 2,000
 * results at once.
 */
export const MAX_MESSAGES_PER_MINUTE = 3_000;
const MINUTE_MS = 60_000;

/** The messages of the current minute. */
export interface MessageCount {
  readonly sinceMs: number;
  readonly count: number;
}

/** Counts one more message at this time (monotonic clock). */
export function counted(before: MessageCount, nowMs: number): MessageCount {
  if (nowMs - before.sinceMs >= MINUTE_MS) return { sinceMs: nowMs, count: 1 };
  return { ...before, count: before.count + 1 };
}
