// Limits how long a server that trickles, or cannot be reached, delays the packages of other servers. Packages are fetched
// one after the other, and a failing one uses all its attempts. After two such failures the remaining packages of that
// server wait for the next round. Failures of another kind do not count: they say nothing about the next package. Pure.

import type { CodedError } from '#errors/coded-error.ts';
import { CONNECT_PHASES } from '#errors/connect-trace.ts';

/** A single failure may be an accident. */
const MAX_FAILURES = 2;

/** Counts, for one round, by origin. */
export class OriginFailureBudget {
  readonly #counts = new Map<string, number>();

  note(origin: string, error: CodedError): void {
    if (isDrip(error) || isUnreached(error)) this.#counts.set(origin, (this.#counts.get(origin) ?? 0) + 1);
  }

  /** Whether this origin has used its budget of the round. */
  isSpent(origin: string): boolean {
    return (this.#counts.get(origin) ?? 0) >= MAX_FAILURES;
  }
}

function isDrip({ code }: CodedError): boolean {
  return code === 'RESPONSE-TRICKLES';
}

/** No request was sent: any other package from there would fail in the same way. */
function isUnreached({ trace }: CodedError): boolean {
  return trace !== null && CONNECT_PHASES.indexOf(trace.phase) < CONNECT_PHASES.indexOf('request');
}
