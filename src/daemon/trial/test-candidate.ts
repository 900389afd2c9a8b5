// Tests whether updates and uploads would succeed with settings that are not active: runs a diagnosis with them and
// returns the first failure.
//
// Guarantees: none of these settings becomes active. If a proxy rejects a secret, the credential guard of the daemon
// records it.

import type { Purpose } from '#config/purposes.ts';
import type { TrialFailure } from '#control/change.ts';
import type { Authority } from '#control/control.ts';
import { toFailure } from '#daemon/failure.ts';
import type { Parts } from '#daemon/parts.ts';
import type { ObservedStage } from '#diagnose/watched-router.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Outcome } from '#platform/outcome/outcome.ts';
import { runDiagnosis } from './diagnosis.ts';

/** What is tested. */
export interface TrialRequest {
  readonly text: string;
  /** Keys of secrets that were typed for it; they count as entered now. */
  readonly typed: readonly string[];
  readonly purposes: readonly Purpose[];
  /** The authority of the text's author. */
  readonly authority: Authority;
  /** Gets an event for each stage. */
  readonly report?: Report | undefined;
}

/** The first failure of these purposes, in their order; null when there is none. Rejects with the reason of `signal`. */
export async function testCandidate(
  parts: Parts,
  trial: TrialRequest,
  signal: AbortSignal,
  noteOutcome: (outcome: Outcome) => void = () => undefined,
): Promise<TrialFailure | null> {
  const candidate = { text: trial.text, typed: [...trial.typed] };
  try {
    const request = {
      purposes: [...trial.purposes],
      shell: {},
      candidate,
      through: null,
      authority: trial.authority,
      onStage: (purpose: Purpose, { stage, error }: ObservedStage) =>
        trial.report?.({ name: 'change-stage', purpose, stage, result: error === null ? 'ok' : error.code }),
    };
    const { purposes, outcome = null } = await runDiagnosis(parts, request, signal);
    if (outcome !== null) noteOutcome(outcome);
    return purposes.find(({ failure }) => failure !== null)?.failure ?? null;
  } catch (thrown) {
    signal.throwIfAborted();
    return toFailure(asCoded(thrown), parts.redactor);
  }
}
