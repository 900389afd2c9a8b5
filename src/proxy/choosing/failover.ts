// What makes the next proxy of a list be tried, and how long one that failed rests.
//
// Fails over: what happened before the proxy said anything about us or the target, that is dialling it, TLS to it, and
// its silence or nonsense as an answer to CONNECT. Does not: 407 (a credential never goes on to the next proxy), 403 and
// whatever else the proxy decided, and everything of the target. Time is monotonic. A rest moves a proxy behind the other
// candidates of its list and adds none: direct comes first only if a PAC file says DIRECT itself and nothing forbids it,
// as in browsers.

import type { Code } from '#errors/catalogue.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { NewestMap } from '#system/newest.ts';
import { RetryPacing } from './retry-pacing.ts';

/** A proxy that failed rests so long, twice as long after each further failure, up to the longest, in milliseconds. */
export const MIN_REST_MS = 60_000;
export const MAX_REST_MS = 600_000;
/** More proxies than a list can name; whoever rests longest ago is forgotten. */
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
  /** How soon one that fails may be asked again. */
  readonly pacing: RetryPacing;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.pacing = new RetryPacing(clock);
  }

  /** How long the proxy rests still, in milliseconds; 0 when it does not. */
  restOf(url: string): number {
    return Math.max(0, (this.#resting.get(url)?.untilMs ?? 0) - this.#clock.monotonic());
  }

  /** It failed; returns how long it rests from now. What failed while it rested anyway makes it no longer. */
  failed(url: string): number {
    const rest = this.restOf(url);
    if (rest > 0) return rest;
    const before = this.#resting.get(url);
    const lastMs = before === undefined ? MIN_REST_MS : Math.min(before.lastMs * 2, MAX_REST_MS);
    this.#resting.set(url, { untilMs: this.#clock.monotonic() + lastMs, lastMs });
    return lastMs;
  }

  /** It was reached: the next failure counts as the first. */
  worked(url: string): void {
    this.#resting.delete(url);
  }
}
