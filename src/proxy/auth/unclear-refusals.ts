// Remembers refusals of a password, in absolute form, for which it is unknown whether the proxy or the origin sent
// them.
//
// Guarantees: such a refusal never counts against the password. For an hour, even across a restart, the password is not
// sent to the same origin in absolute form through the same proxy. All other requests continue. An hour is longer than
// the time in which directories count failed logins before they lock an account.

import type { Account } from '#proxy/account.ts';
import type { Clock } from '#system/clock.ts';
import type { CredentialState } from './credential-state.ts';

/** How long the password is withheld, in milliseconds. */
const WITHHELD_MS = 3_600_000;

/** The proxy (`http://host:port`), and the origin whose URLs were requested. */
export interface RefusedOrigin {
  readonly proxyUrl: string;
  readonly origin: string;
}

/** Wall times, ms since the epoch. */
export interface UnclearRefusal {
  readonly sinceMs: number;
  readonly retryAtMs: number;
}

/** What a check of an unclear refusal showed. */
export type RefusedBy = 'proxy' | 'server' | 'unknown';

export class UnclearRefusals {
  /** Running checks, by profile, proxy and origin. Each sends the password, so refusals share them. Null: aborted. */
  readonly checks = new Map<string, Promise<RefusedBy | null>>();
  readonly #state: CredentialState;
  readonly #clock: Clock;

  constructor(state: CredentialState, clock: Clock) {
    this.#state = state;
    this.#clock = clock;
  }

  /** The refusal because of which a password is withheld; null when it may be sent. */
  find(account: Account, place: RefusedOrigin): UnclearRefusal | null {
    const since = this.#state.doubts.get(this.#keyOf(account, place))?.since;
    if (since === undefined) return null;
    const elapsedMs = this.#clock.now() - since;
    // Negative if the clock was set back, which must not make the wait longer.
    return elapsedMs >= 0 && elapsedMs < WITHHELD_MS ? { sinceMs: since, retryAtMs: since + WITHHELD_MS } : null;
  }

  add(account: Account, place: RefusedOrigin): UnclearRefusal {
    const fingerprint = this.#keyOf(account, place);
    const sinceMs = this.#clock.now();
    this.#state.put(this.#state.doubts, fingerprint, { fingerprint, since: sinceMs });
    return { sinceMs, retryAtMs: sinceMs + WITHHELD_MS };
  }

  /** An admin allows another attempt. */
  clear(): void {
    this.#state.clear(this.#state.doubts);
  }

  #keyOf({ key, password }: Account, { proxyUrl, origin }: RefusedOrigin): string {
    return this.#state.fingerprint(key, password.reveal(), proxyUrl, origin);
  }
}
