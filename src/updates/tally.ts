// Collects the results of a check for updates while it runs, for its report.

import type { CodedError } from '#errors/coded-error.ts';
import type { UpdatesPorts } from './ports.ts';

/** Which packages a round tries: only those whose own retry is due, all wanted ones, or all outside their hours too. */
const SCOPES = ['due', 'all', 'now'] as const;
export type RoundScope = (typeof SCOPES)[number];

/** Whether a round of the scope `wide` does what one of `narrow` does. */
export function includesScope(wide: RoundScope, narrow: RoundScope): boolean {
  return SCOPES.indexOf(wide) >= SCOPES.indexOf(narrow);
}

/** See `RoundReport`. */
export interface Tally {
  error: CodedError | null;
  connected: boolean;
  published: string[];
  ready: string[];
  parked: string[];
  failed: { id: string; error: CodedError }[];
  refused: { id: string; error: CodedError }[];
  withdrawn: string[];
  pruned: string[];
  left: number;
  retryAtMs: number | null;
}

export function newTally(): Tally {
  const none = { published: [], ready: [], parked: [], failed: [], refused: [], withdrawn: [], pruned: [] };
  return { error: null, connected: false, ...none, left: 0, retryAtMs: null };
}

/** Plans the retry that a failure requests. */
export function noteRetry(ports: UpdatesPorts, tally: Tally, { facts: { retryAfterMs, retryAt } }: CodedError): void {
  if (typeof retryAfterMs === 'number') planTry(tally, ports.clock.now() + retryAfterMs);
  // When a rejected password may be tried again: the schedule alone could delay that by a whole slot.
  if (typeof retryAt === 'number') planTry(tally, retryAt);
}

/** Keeps the earliest. */
export function planTry(tally: Tally, atMs: number | null): void {
  if (atMs === null) return;
  tally.retryAtMs = tally.retryAtMs === null ? atMs : Math.min(tally.retryAtMs, atMs);
}
