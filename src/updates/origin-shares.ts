// How long a server that drips, or that cannot be reached, may hold up the others: packages are fetched one after the
// other, so each failing one has the only slot, with all its attempts. After the second of a server the rest of it wait
// for the next round, and what other servers have comes now. What failed in another way says nothing of the next. Pure.

import type { CodedError } from '#errors/coded-error.ts';
import { CONNECT_PHASES } from '#errors/connect-trace.ts';

/** One may be an accident. */
const MAX_FAILURES = 2;

/** Counts, for one round, by origin. */
export class OriginShares {
  readonly #counts = new Map<string, number>();

  note(origin: string, error: CodedError): void {
    if (isDrip(error) || isUnreached(error)) this.#counts.set(origin, (this.#counts.get(origin) ?? 0) + 1);
  }

  /** Whether this origin has had its share of the round. */
  isSpent(origin: string): boolean {
    return (this.#counts.get(origin) ?? 0) >= MAX_FAILURES;
  }
}

function isDrip({ code }: CodedError): boolean {
  return code === 'RESPONSE-TRICKLES';
}

/** No request ever left: it would be the same for whatever else is to come from there. */
function isUnreached({ trace }: CodedError): boolean {
  return trace !== null && CONNECT_PHASES.indexOf(trace.phase) < CONNECT_PHASES.indexOf('request');
}
