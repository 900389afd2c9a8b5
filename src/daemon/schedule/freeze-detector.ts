// Detects that an attacker may be withholding the feed. It counts consecutive scheduled times at which a proxy or the
// server answered but the complete feed did not arrive. Pure. An unchanged feed counts as complete.

import type { CodedError } from '#errors/coded-error.ts';

/** What is stored across restarts; absent while no slot has failed this way. */
export interface FreezeState {
  /** Consecutive slots without a complete feed, including the current one. */
  readonly slots: number;
  /** The current slot has been counted, so its retries are not. */
  readonly counted: boolean;
}

/** Fewer slots may be ordinary trouble of one day. */
const SLOTS_SUSPECT = 3;

/** Failures of these classes name the cause themselves: an account, a rule, this host. */
const EXPLAINED_CLASSES: readonly string[] = ['config', 'dns', 'auth', 'policy', 'tls', 'system', 'internal'];

/** The next slot begins. */
export function beginSlot(before: FreezeState | undefined): FreezeState | undefined {
  return before === undefined ? undefined : { ...before, counted: false };
}

/** A check ended; `connected` when a proxy, or the server itself, had accepted the connection. */
export function endCheck(
  before: FreezeState | undefined,
  ended: { readonly error: CodedError | null; readonly connected: boolean },
): { readonly starved: FreezeState | undefined; readonly suspect: boolean } {
  const { error, connected } = ended;
  if (error === null) return { starved: undefined, suspect: false };
  if (before?.counted === true || !connected || !isWithheld(error)) return { starved: before, suspect: false };
  const slots = (before?.slots ?? 0) + 1;
  return { starved: { slots, counted: true }, suspect: slots >= SLOTS_SUSPECT };
}

function isWithheld(error: CodedError): boolean {
  // A proxy that accepted the connection and sent nothing has not answered.
  const isMute = error.code === 'RESPONSE-TIMEOUT' && error.facts['received'] === 0;
  return !isMute && !EXPLAINED_CLASSES.includes(error.entry.class);
}
