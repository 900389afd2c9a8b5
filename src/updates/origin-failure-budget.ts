// Limits how long a server that is very slow or cannot be reached can delay the packages of other servers. Pure.
//
// A package that fails uses all its attempts. After two such failures, the other packages of the server wait for the
// next check for updates. Other failures do not count, because the next package may still succeed.

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

  /** Whether a package of this origin was too slow, or could not be requested, in this round. */
  hasFailed(origin: string): boolean {
    return this.#counts.has(origin);
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
