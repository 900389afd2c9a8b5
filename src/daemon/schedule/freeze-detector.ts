// Whether somebody may keep the feed from us: slots of the schedule in a row that brought no complete feed though the way
// there answered. Pure; an unchanged feed is a complete one.

import type { CodedError } from '#errors/coded-error.ts';

/** What is remembered across restarts; absent as long as nothing is wrong. */
export interface FreezeState {
  /** Slots in a row without a complete feed, the one of now included. */
  readonly slots: number;
  /** The slot of now has been counted: its further tries are not. */
  readonly counted: boolean;
}

/** One slow day is weather. */
const SLOTS_SUSPECT = 3;

/** Failures of these classes say themselves who refuses: an account, a rule, this host. */
const EXPLAINED_CLASSES: readonly string[] = ['config', 'dns', 'auth', 'policy', 'tls', 'system', 'internal'];

/** Another slot begins. */
export function beginSlot(before: FreezeState | undefined): FreezeState | undefined {
  return before === undefined ? undefined : { ...before, counted: false };
}

/** A check ended; `connected` when a proxy, or the server itself, had taken the connection. */
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
  // A proxy that took the connection and said nothing at all has not answered.
  const isMute = error.code === 'RESPONSE-TIMEOUT' && error.facts['received'] === 0;
  return !isMute && !EXPLAINED_CLASSES.includes(error.entry.class);
}
