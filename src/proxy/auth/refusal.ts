// Whether a credential has to wait, by what is written down of it. Pure.
//
// Guarantees: one that was refused, or whose last attempt nobody learnt the end of, waits; one that had worked is tried
// again when `retryMs` have passed since its last try, and may be cut off once for nothing.

import type { CredentialRecord } from './credential-state.ts';

/** Why there is no leave, with what is known of the credential; times are ms since the epoch. */
export interface Refusal {
  /** `interrupted`: nobody learnt how the last attempt ended. */
  readonly why: 'rejected' | 'interrupted';
  readonly sinceMs: number;
  readonly workedFromMs: number | null;
  readonly workedUntilMs: number | null;
  /** When it is tried again by itself; null when never. */
  readonly retryAtMs: number | null;
}

/** Whether a credential must wait, by what is written down of it; null when it may go. */
export function checkRecord(record: CredentialRecord, nowMs: number, retryMs: number): Refusal | null {
  const interrupted = record.trying_since !== null;
  const since = record.rejected_at ?? record.trying_since;
  if (since === null) return null;
  // One that worked is given the benefit of one interruption: most end because somebody stopped us.
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
