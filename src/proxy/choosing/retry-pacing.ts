// Limits how often a failing proxy is tried, so that connections do not flood it.
//
// Guarantees: if all callers wait for the returned time, they open less than ten connections a minute to a failing
// proxy, counted together. After the first failures there is no wait, because the next try usually succeeds. Time is
// monotonic.

import type { Clock } from '#system/clock.ts';
import { NewestMap } from '#system/newest.ts';

/** Number of failed connections before further ones are spaced. */
export const FREE_FAILURES = 3;
/** Interval between two further connections, in milliseconds. A try that has to authenticate may need three at once. */
export const SPACING_MS = 12_000;
/** After this long without a failure, in milliseconds, the count starts again. */
const FORGOTTEN_AFTER_MS = 60_000;
/** More proxies than a list can name; the one that failed longest ago is dropped. */
const MAX_FAILING = 256;

interface FailureRecord {
  readonly failures: number;
  readonly lastMs: number;
  /** The time of the next try that was returned last. */
  readonly nextMs: number;
}

export class RetryPacing {
  readonly #clock: Clock;
  readonly #failing = new NewestMap<string, FailureRecord>(MAX_FAILING);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Counts failed connections and returns how long to wait before the next one, in milliseconds. A success in between
   * changes nothing, so that a proxy that fails now and then is not flooded either.
   */
  failed(url: string, connections: number): number {
    const now = this.#clock.monotonic();
    const before = this.#failing.get(url);
    const known = before !== undefined && now - before.lastMs < FORGOTTEN_AFTER_MS ? before : null;
    const failures = (known?.failures ?? 0) + connections;
    const isSpaced = failures >= FREE_FAILURES;
    const nextMs = isSpaced ? Math.max(known?.nextMs ?? now, now) + SPACING_MS * connections : now;
    this.#failing.set(url, { failures, lastMs: now, nextMs });
    return nextMs - now;
  }
}
