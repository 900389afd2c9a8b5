// A state machine for a change that is tested before it takes effect: one change at a time, from its start to its
// result. Pure.
//
// Guarantees: in any order of events, each change gets at most one verdict: confirmed by stages that all passed,
// confirmed by a person, or not confirmed. Events for a change that has ended do nothing.

import type { ChangeVerdict, TrialFailure } from '#control/change.ts';

/** A change that is being tested. */
interface Trying {
  readonly id: number;
  readonly by: string;
  /** What failed; null while the stages run. */
  readonly failure: TrialFailure | null;
}

/** Null when there is none. */
export type ConfirmState = Trying | null;

/** The events. All except `begin` and `confirm` belong to the change with that id. */
export type ConfirmEvent =
  | { readonly kind: 'begin'; readonly id: number; readonly by: string }
  | { readonly kind: 'passed'; readonly id: number }
  | { readonly kind: 'failed'; readonly id: number; readonly failure: TrialFailure }
  | { readonly kind: 'confirm' }
  | { readonly kind: 'expired'; readonly id: number }
  | { readonly kind: 'gone'; readonly id: number };

export interface ConfirmStep {
  readonly state: ConfirmState;
  /** The verdict on the change, if this event ended it. */
  readonly verdict: ChangeVerdict | null;
  /** Whether the event had an effect: a second begin has none, nor has a confirm without a change. */
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
