// Permission to send a credential, and how an attempt with it ends. Types only; `ledger.ts` grants it.

import type { Refusal } from './refusal.ts';

/**
 * Leave to send a credential. The first verdict counts; without one others would wait for ever. A refusal also counts after
 * a success: a connection that is used again carries the credential again.
 */
export interface Attempt {
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

export type Admission =
  | { readonly kind: 'admitted'; readonly attempt: Attempt }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

export interface AdmitOptions {
  /** The proxy that is shown it: `http://host:port`. */
  readonly proxyUrl: string;
  /** `rejected_credential_retry_hours`; 0 means never. */
  readonly retryMs: number;
  readonly signal: AbortSignal;
}
