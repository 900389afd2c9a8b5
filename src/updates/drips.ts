// How long a server that drips may hold up the others: packages are fetched one after the other, so each slow one has the
// only slot. One that dripped to its end is not tried again in the round; after the second the rest of its server wait
// for the next one, and what other servers have comes now. Pure.

import type { CodedError } from '#errors/coded-error.ts';

/** One may be an accident. */
const MOST_DRIPS = 2;

/** Counts, for one round, by origin. */
export class Drips {
  readonly #counts = new Map<string, number>();

  note(origin: string, error: CodedError): void {
    if (error.code === 'RESPONSE-TRICKLES') this.#counts.set(origin, (this.#counts.get(origin) ?? 0) + 1);
  }

  /** Whether this origin has had its share of the round. */
  hasHadItsShare(origin: string): boolean {
    return (this.#counts.get(origin) ?? 0) >= MOST_DRIPS;
  }
}
