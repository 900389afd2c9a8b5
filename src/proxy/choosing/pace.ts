// How soon a proxy that fails may be asked again, so that nobody hammers it, whoever asks and how often.
//
// Guarantees: whoever waits as long as he is told connects to a failing proxy less than ten times a minute, also beside
// others who do the same. The first failures cost no wait of their own: most are over with the next try. Time is monotonic.

import type { Clock } from '#system/clock.ts';
import { NewestMap } from '#system/newest.ts';

/** Connections that may fail before they are spaced. */
export const FREE_FAILURES = 3;
/** From then on there is so long between two, in milliseconds; a try that is asked who we are may take three at once. */
export const SPACING_MS = 12_000;
/** After so long without a failure all begins anew, in milliseconds. */
const FORGOTTEN_AFTER_MS = 60_000;
/** More proxies than a list can name; whoever failed longest ago is forgotten. */
const MAX_FAILING = 256;

interface Failing {
  readonly failures: number;
  readonly lastMs: number;
  /** The moment that was given out last. */
  readonly nextMs: number;
}

export class Pace {
  readonly #clock: Clock;
  readonly #failing = new NewestMap<string, Failing>(MAX_FAILING);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * So many connections brought nothing; returns how long to wait before the next one, in milliseconds. That others went
   * well in between changes nothing: who fails now and then is not hammered either.
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
