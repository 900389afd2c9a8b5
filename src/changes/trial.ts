// Tries a change before it is written: the settings as they would be go to the daemon, which tests the connections that
// they change. Returns what came of it; the caller decides and shows it.
//
// Guarantees: nothing is written and nothing takes effect. A caller that goes away, or a daemon that stops, leaves
// everything as it was.

import { type Change, candidateOf } from '#config/editing/apply-change.ts';
import type { LoadedSettings, RefusedSettings } from '#config/reading/load.ts';
import type { ChangeVerdict } from '#control/change.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { ChangeContext } from './context.ts';

export interface TrialOptions {
  /** How long a person may confirm it, in milliseconds. */
  readonly windowMs: number;
  /** Whether a failed test waits for a person to confirm the change from elsewhere. */
  readonly mayWait: boolean;
  /** Set for a caller who may not read the secrets: they are used only as the active settings use them. */
  readonly secrets?: 'in_force';
  /** Hears what happens; `waits` says whether a failed test waits for a person. */
  onEvent(event: SallyportEvent, waits: boolean): void;
}

/** What came of a trial. */
export type TrialOutcome =
  | { readonly state: 'refused'; readonly refused: RefusedSettings }
  | { readonly state: 'judged'; readonly verdict: ChangeVerdict }
  /** It did not reach a verdict. */
  | { readonly state: 'broken'; readonly error: CodedError }
  | { readonly state: 'interrupted'; readonly error: CodedError };

/** Tries it. @throws CodedError CONFIG-CHANGED, CONFIG-EDIT, CONTROL-OTHER-FILE, what opening Control throws */
export async function tryChange(
  context: ChangeContext,
  loaded: LoadedSettings,
  { change, ...options }: TrialOptions & { readonly change: Change },
): Promise<TrialOutcome> {
  const { text, typed } = await candidateOf(loaded, change, context.files);
  const result = await context.load(text);
  if (!result.ok) return { state: 'refused', refused: result };
  const daemon = await context.findDaemon();
  // Without a daemon it cannot be confirmed from elsewhere.
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
