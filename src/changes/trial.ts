// Tests a change before it is written: sends the new settings to the daemon, which tests the connections that they
// affect. Returns the result; the caller shows it and decides what to do.
//
// Guarantees: nothing is written and no setting takes effect, even if the caller disconnects or the daemon stops.

import { type Change, candidateOf } from '#config/editing/apply-change.ts';
import type { LoadedSettings, RefusedSettings } from '#config/reading/load.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { ChangeContext } from './context.ts';

export interface TrialOptions {
  /** Time limit for the confirmation in milliseconds. */
  readonly windowMs: number;
  /** Whether a failed test waits for a person to confirm the change from elsewhere. */
  readonly mayWait: boolean;
  /** Set for a caller who may not read the secrets: they are used only as the active settings use them. */
  readonly secrets?: 'in_force';
  /** Receives the events of the trial. `waits` says whether a failed test waits for a person. */
  onEvent(event: SallyportEvent, waits: boolean): void;
}

/** The result of a trial. */
export type TrialOutcome =
  | { readonly state: 'refused'; readonly refused: RefusedSettings }
  | { readonly state: 'judged'; readonly verdict: ChangeVerdict }
  /** The trial ended without a verdict. */
  | { readonly state: 'broken'; readonly error: CodedError }
  | { readonly state: 'interrupted'; readonly error: CodedError };

/** Tries the change. @throws CodedError CONFIG-CHANGED, CONFIG-EDIT, CONTROL-OTHER-FILE, errors of `openControl` */
export async function tryChange(
  context: ChangeContext,
  loaded: LoadedSettings,
  { change, ...options }: TrialOptions & { readonly change: Change },
): Promise<TrialOutcome> {
  const { text, typed } = await candidateOf(loaded, change, context.files);
  const result = await context.load(text);
  if (!result.ok) return { state: 'refused', refused: result };
  const daemon = await context.findDaemon();
  // Without a daemon, no other process can confirm the change.
  const waits = daemon !== null && options.mayWait;
  const control = daemon ?? (await context.openControl());
  try {
    const { windowMs: window_ms, secrets } = options;
    const request = {
      text,
      typed,
      window_ms,
      waits,
      by: context.requester,
      ...(secrets === undefined ? {} : { secrets }),
    };
    const verdict = await control.tryChange(request, (event) => options.onEvent(event, waits), context.signal);
    return { state: 'judged', verdict };
  } catch (thrown) {
    if (!context.signal.aborted) return { state: 'broken', error: asCoded(thrown) };
    const reason = 'the trial was interrupted';
    return { state: 'interrupted', error: coded('CANCELLED', { reason }, thrown) };
  } finally {
    await control.close();
  }
}
