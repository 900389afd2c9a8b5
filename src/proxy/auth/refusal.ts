// Decides from the stored record whether a credential must wait. Pure.
//
// Guarantees: a credential waits if it was rejected, or if the result of its last attempt is unknown. A credential that
// worked before is tried again when `retryMs` have passed since its last try, and it does not have to wait after one
// interrupted attempt.

import type { CredentialRecord } from './credential-state.ts';

/** Why a credential may not be sent, with its record; times are ms since the epoch. */
export interface Refusal {
  /** `interrupted` means that the result of the last attempt is unknown. */
  readonly why: 'rejected' | 'interrupted';
  readonly sinceMs: number;
  readonly workedFromMs: number | null;
  readonly workedUntilMs: number | null;
  /** When it is tried again automatically; null for never. */
  readonly retryAtMs: number | null;
}

/** Why a password is not sent. */
export interface CredentialHold {
  /** `bound` means that it was entered for other proxies. */
  readonly why: Refusal['why'] | 'bound';
  /** Names of those proxies. */
  readonly bound: readonly string[];
  readonly refusal: Refusal | null;
}

/** Decides from the record whether a credential must wait; null when it may be sent. */
export function checkRecord(record: CredentialRecord, nowMs: number, retryMs: number): Refusal | null {
  const interrupted = record.trying_since !== null;
  const since = record.rejected_at ?? record.trying_since;
  if (since === null) return null;
  // A credential that worked may be interrupted once: most interruptions are a stop of the service.
  if (record.rejected_at === null && record.worked_at !== null && record.interrupted === 0) return null;
  const mayRetry = retryMs > 0 && (record.worked_at !== null || record.rejected_at === null);
  const lastMs = Math.max(record.tried_at ?? 0, record.trying_since ?? 0);
  const retryAtMs = mayRetry ? lastMs + retryMs : null;
  if (retryAtMs !== null && nowMs >= retryAtMs) return null;
  return {
    why: interrupted && record.rejected_at === null ? 'interrupted' : 'rejected',
    sinceMs: since,
    workedFromMs: record.worked_from,
    workedUntilMs: record.worked_at,
    retryAtMs,
  };
}
