// Keeps the TLS contexts of each purpose and each profile, which are made when they are first needed. Modules that only
// TLS needs are loaded with the first TLS connection.

import type { Purpose } from '#config/purposes.ts';
import type { Suites, TlsTrust, TrustContexts } from './trust.ts';

export class TrustStore {
  readonly #purposes: Readonly<Record<Purpose, TlsTrust>>;
  readonly #proxies: ReadonlyMap<string, TlsTrust>;
  readonly #made = { aead: new Map<TlsTrust, TrustContexts>(), any: new Map<TlsTrust, TrustContexts>() };

  /** `proxies` is keyed by the name of the profile. */
  constructor(purposes: Readonly<Record<Purpose, TlsTrust>>, proxies: ReadonlyMap<string, TlsTrust>) {
    this.#purposes = purposes;
    this.#proxies = proxies;
  }

  /** For TLS to the targets of a purpose. */
  async ofPurpose(purpose: Purpose): Promise<TrustContexts> {
    return await this.#contexts(this.#purposes[purpose], 'aead');
  }

  /** For TLS to a proxy itself. */
  async ofProxy(profile: string): Promise<TrustContexts> {
    return await this.#contexts(this.#proxies.get(profile) ?? BUNDLED, 'any');
  }

  async #contexts(trust: TlsTrust, suites: Suites): Promise<TrustContexts> {
    const { TrustContexts } = await import('./trust.ts');
    const made = this.#made[suites];
    const known = made.get(trust) ?? new TrustContexts(trust, suites);
    made.set(trust, known);
    return known;
  }
}

/** Only the bundled roots. */
const BUNDLED: TlsTrust = {};
