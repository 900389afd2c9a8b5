// What became of each credential, so that a wrong password costs one attempt and no account is locked.
//
// Guarantees: a credential that a proxy rejected is not sent there again by this process until it changes; while the
// first attempt with one is under way, all others wait for its verdict, whatever purpose they serve. Holds keyed
// fingerprints, never a secret. In memory: after a crash each credential is tried once more.

import { createHmac, randomBytes } from 'node:crypto';
import type { Credential } from './basic.ts';

/** Leave to send a credential once. Exactly one verdict counts, the first; without one others would wait for ever. */
export interface Attempt {
  /** The proxy took it. */
  accepted(): void;
  /** The proxy refused it. */
  rejected(): void;
  /** The proxy never said: it was not reached, or failed for another reason. */
  unknown(): void;
}

/** One for the whole process; it outlives a change of the configuration. */
export class Ledger {
  readonly #key = randomBytes(32);
  readonly #verdicts = new Map<string, 'worked' | 'rejected'>();
  readonly #firstAttempts = new Map<string, Promise<void>>();

  /**
   * Asks leave to send a credential to a proxy (`http://host:port`); null when it was rejected there before. Waits as
   * long as another first attempt with it is under way, which its own deadlines bound.
   */
  async admit(proxyUrl: string, credential: Credential, signal: AbortSignal): Promise<Attempt | null> {
    const fingerprint = this.#fingerprint(proxyUrl, credential);
    for (;;) {
      signal.throwIfAborted();
      const verdict = this.#verdicts.get(fingerprint);
      if (verdict === 'rejected') return null;
      const first = this.#firstAttempts.get(fingerprint);
      if (verdict === 'worked' || first === undefined) return this.#begin(fingerprint, verdict === 'worked');
      await orAborted(first, signal);
    }
  }

  #begin(fingerprint: string, worked: boolean): Attempt {
    const { promise, resolve } = Promise.withResolvers<void>();
    if (!worked) this.#firstAttempts.set(fingerprint, promise);
    let settled = false;
    const settle = (verdict: 'worked' | 'rejected' | null) => {
      if (settled) return;
      settled = true;
      // A rejection stands, also against an older attempt that ends later.
      if (verdict !== null && this.#verdicts.get(fingerprint) !== 'rejected') this.#verdicts.set(fingerprint, verdict);
      if (!worked) this.#firstAttempts.delete(fingerprint);
      resolve();
    };
    return {
      accepted: () => settle('worked'),
      rejected: () => settle('rejected'),
      unknown: () => settle(null),
    };
  }

  #fingerprint(proxyUrl: string, credential: Credential): string {
    const parts = JSON.stringify([proxyUrl, credential.scheme, credential.authorization.reveal()]);
    return createHmac('sha256', this.#key).update(parts).digest('base64');
  }
}

/** Waits for the promise or the abort; leaves no listener. */
async function orAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    await Promise.race([promise, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
