// Decides which failures lead to the next proxy of a list, and how long a failed proxy rests.
//
// Leads to the next: any failure before the proxy answered about us or the target, that is, dialing it, TLS to it, and
// no or an invalid answer to CONNECT. Does not: 407 (a credential is never passed to the next proxy), 403 and other
// decisions of the proxy, and failures of the target. Time is monotonic. A resting proxy comes after the other
// candidates of its list and adds none: direct comes first only if a PAC file itself says DIRECT and nothing forbids
// it, as in browsers.

import type { Code } from '#errors/catalogue.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { NewestMap } from '#system/newest.ts';
import { RetryPacing } from './retry-pacing.ts';

/** Rest after a failure, in milliseconds. It doubles with each further failure, up to the maximum. */
export const MIN_REST_MS = 60_000;
export const MAX_REST_MS = 600_000;
/** More proxies than a list can name; the one that has rested longest is dropped. */
const MAX_RESTING = 256;

const FAILS_OVER: ReadonlySet<Code> = new Set<Code>([
  'DNS-PROXY',
  'TCP-REFUSED',
  'TCP-TIMEOUT',
  'TCP-FAILED',
  'TUNNEL-TIMEOUT',
  'TUNNEL-CLOSED',
  'NOT-A-PROXY',
  'PROXY-PROTOCOL',
  'PROXY-SCHEME',
  'TOO-MANY-INTERIM',
]);

/** Whether another proxy may succeed. The trace shows whether TLS to the proxy failed, or TLS to the target. */
export function failsOver(error: CodedError): boolean {
  if (error.trace?.phase === 'proxy_tls') return true;
  return FAILS_OVER.has(error.code) && error.trace?.phase !== 'tls';
}

/** Which proxies rest after a failure. One for the process: it outlives a change of the configuration. */
export class CoolDown {
  readonly #clock: Clock;
  readonly #resting = new NewestMap<string, { untilMs: number; lastMs: number }>(MAX_RESTING);
  /** How soon a failing proxy may be tried again. */
  readonly pacing: RetryPacing;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.pacing = new RetryPacing(clock);
  }

  /** Remaining rest of the proxy in milliseconds; 0 when it does not rest. */
  restOf(url: string): number {
    return Math.max(0, (this.#resting.get(url)?.untilMs ?? 0) - this.#clock.monotonic());
  }

  /** Records a failure and returns the rest from now on. A failure during a rest does not lengthen it. */
  failed(url: string): number {
    const rest = this.restOf(url);
    if (rest > 0) return rest;
    const before = this.#resting.get(url);
    const lastMs = before === undefined ? MIN_REST_MS : Math.min(before.lastMs * 2, MAX_REST_MS);
    this.#resting.set(url, { untilMs: this.#clock.monotonic() + lastMs, lastMs });
    return lastMs;
  }

  /** Records that the proxy was reached: the next failure counts as the first. */
  worked(url: string): void {
    this.#resting.delete(url);
  }
}
