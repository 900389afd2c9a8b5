// The permission to send a credential, and the result of the attempt. Types only; `credential-guard.ts` grants
// permissions.

import type { Refusal } from './refusal.ts';

/**
 * One attempt with a credential, and how it ends. The first verdict counts; others wait until there is one. A refusal also
 * counts after a success, because each request of a reused connection carries the credential again.
 */
export interface AuthAttempt {
  /**
   * Called before each byte that is made from the secret is sent. Null if it may be sent; otherwise the rejection that
   * came in the meantime.
   * @throws CodedError DISK-FULL, FILE-*
   */
  sending(): Promise<Refusal | null>;
  /** The same check for another request of a connection whose first request was sent. */
  refusedMeanwhile(): Refusal | null;
  /** The proxy accepted the credential. */
  accepted(): void;
  /** The proxy rejected the credential. */
  rejected(): void;
  /** There is no verdict: the proxy was not reached, or failed for another reason. */
  unknown(): void;
}

export type Permit =
  | { readonly kind: 'granted'; readonly attempt: AuthAttempt }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface PermitOptions {
  /** The proxy that receives it, as `http://host:port`. */
  readonly proxyUrl: string;
  /** `rejected_credential_retry_hours`; 0 means never. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
}
