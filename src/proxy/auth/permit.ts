// Permission to send a credential, and how an attempt with it ends. Types only; `credential-guard.ts` grants it.

import type { Refusal } from './refusal.ts';

/**
 * One attempt with a credential, and how it ends. The first verdict counts; others wait until there is one. A refusal also
 * counts after a success, because each request of a reused connection carries the credential again.
 */
export interface AuthAttempt {
  /**
   * Called before each byte that is made from the secret; it may go unless there is a refusal, which came meanwhile.
   * @throws CodedError DISK-FULL, FILE-*
   */
  sending(): Promise<Refusal | null>;
  /** The same, for one more request of a connection whose first has gone. */
  refusedMeanwhile(): Refusal | null;
  /** The proxy took it. */
  accepted(): void;
  /** The proxy refused it. */
  rejected(): void;
  /** The proxy never said: it was not reached, or failed for another reason. */
  unknown(): void;
}

export type Permit =
  | { readonly kind: 'granted'; readonly attempt: AuthAttempt }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface PermitOptions {
  /** The proxy that is shown it: `http://host:port`. */
  readonly proxyUrl: string;
  /** `rejected_credential_retry_hours`; 0 means never. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
}
