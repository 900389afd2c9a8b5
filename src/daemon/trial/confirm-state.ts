// A change that is tried before it counts, as a machine: one at a time, from its begin to one verdict. Pure.
//
// Guarantees: whatever comes in whatever order, each change gets one verdict at most, and none but these: confirmed by
// stages that all passed, confirmed by a person, or by nobody. What comes for a change that is over does nothing.

import type { ChangeVerdict, TrialFailure } from '#control/change.ts';

/** A change under way. */
interface Trying {
  readonly id: number;
  readonly by: string;
  /** What failed; null while the stages run. */
  readonly failure: TrialFailure | null;
}

/** Null: none is under way. */
export type ConfirmState = Trying | null;

/** What may happen. All but `begin` and `confirm` belong to the change of that id. */
export type ConfirmEvent =
  | { readonly kind: 'begin'; readonly id: number; readonly by: string }
  | { readonly kind: 'passed'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: TrialFailure }
  | { readonly kind: 'confirm' }
  | { readonly kind: 'expired'; readonly id: number }
  | { readonly kind: 'gone'; readonly id: number };

export interface ConfirmStep {
  readonly state: ConfirmState;
  /** The verdict on the change that was under way, if this was its end. */
  readonly verdict: ChangeVerdict | null;
  /** Whether the event was of any effect: a second begin is not, nor a confirm of nothing. */
  readonly taken: boolean;
}

export function stepConfirm(state: ConfirmState, event: ConfirmEvent): ConfirmStep {
  if (event.kind === 'begin') {
    if (state !== null) return ignored(state);
    return { state: { id: event.id, by: event.by, failure: null }, verdict: null, taken: true };
  }
  if (state === null || (event.kind !== 'confirm' && event.id !== state.id)) return ignored(state);
  const { failure } = state;
  switch (event.kind) {
    case 'failed':
      return { state: { ...state, failure: event.failure }, verdict: null, taken: true };
    case 'passed':
      return ended({ confirmed: true, by: 'stages', failure: null });
    case 'confirm':
      return ended({ confirmed: true, by: 'person', failure });
    case 'expired':
    case 'gone':
      return ended({ confirmed: false, by: 'nobody', failure });
  }
}

function ignored(state: ConfirmState): ConfirmStep {
  return { state, verdict: null, taken: false };
}

function ended(verdict: ChangeVerdict): ConfirmStep {
  return { state: null, verdict, taken: true };
}
