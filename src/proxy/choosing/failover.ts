// Decides after which failures the next proxy of a list is tried, and for how long a failed proxy is tried last (its
// cooldown).
//
// The next proxy is tried if a proxy could not be reached: failures of TCP, of TLS to the proxy, and of CONNECT without
// a valid response. It is not tried after a 407, so that no credential goes to the next proxy, nor after a 403, another
// decision of the proxy, or a failure of the target. A direct connection can come before a proxy in its cooldown only
// if a PAC file says DIRECT and no setting forbids it, as in browsers. Time is monotonic.

import type { Code } from '#errors/catalogue.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { NewestMap } from '#system/newest.ts';
import { RetryPacing } from './retry-pacing.ts';

/** Cooldown after a failure, in milliseconds. It doubles with each further failure, up to the maximum. */
export const MIN_COOLDOWN_MS = 60_000;
export const MAX_COOLDOWN_MS = 600_000;
/** More proxies than a list can name; the oldest cooldown is dropped. */
const MAX_COOLING = 256;

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

/** The cooldown of each failed proxy. One instance for the process: it outlives a change of the configuration. */
export class ProxyCooldown {
  readonly #clock: Clock;
  readonly #cooling = new NewestMap<string, { untilMs: number; lastMs: number }>(MAX_COOLING);
  /** How soon a failing proxy may be tried again. */
  readonly pacing: RetryPacing;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.pacing = new RetryPacing(clock);
  }

  /** Remaining cooldown of the proxy in milliseconds; 0 when it has none. */
  remainingMs(url: string): number {
    return Math.max(0, (this.#cooling.get(url)?.untilMs ?? 0) - this.#clock.monotonic());
  }

  /** Records a failure and returns the remaining cooldown. A failure during a cooldown does not extend it. */
  failed(url: string): number {
    const remaining = this.remainingMs(url);
    if (remaining > 0) return remaining;
    const before = this.#cooling.get(url);
    const lastMs = before === undefined ? MIN_COOLDOWN_MS : Math.min(before.lastMs * 2, MAX_COOLDOWN_MS);
    this.#cooling.set(url, { untilMs: this.#clock.monotonic() + lastMs, lastMs });
    return lastMs;
  }

  /** Records that the proxy was reached: the next failure counts as the first. */
  worked(url: string): void {
    this.#cooling.delete(url);
  }
}
