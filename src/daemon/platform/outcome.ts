// The outcome of this host: whether it is connected and activated. It comes from the last operation of the platform, or
// of updates if the platform is not enabled, or from a diagnosis.

import { hostname } from 'node:os';
import type { Purpose } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import type { Parts } from '#daemon/parts.ts';
import type { PurposeReport } from '#diagnose/report.ts';
import { CodedError } from '#errors/coded-error.ts';
import { type ConnectionResult, type Outcome, type OutcomeFacts, outcomeOf } from '#platform/outcome/outcome.ts';

/** The purpose whose connection counts: the platform, or updates without a link to it. */
function mainPurpose({ platform }: Pick<Settings, 'platform'>): Purpose {
  return platform.enabled ? 'platform' : 'updates';
}

/** The outcome now. */
export function hostOutcome(parts: Pick<Parts, 'ports' | 'outcomes' | 'activation'>): Outcome {
  const purpose = mainPurpose(parts.ports.settings());
  return outcomeOf(factsOf(parts, lastResult(parts, purpose)));
}

/** The outcome that a diagnosis found, for the settings that it tested; null if it tested no connection. */
export function diagnosedOutcome(
  parts: Pick<Parts, 'activation'>,
  settings: Pick<Settings, 'platform'>,
  reports: readonly PurposeReport[],
): Outcome | null {
  const tested = reports.filter(({ outcome }) => outcome !== 'not configured');
  const report = tested.find(({ purpose }) => purpose === mainPurpose(settings)) ?? tested[0];
  return report === undefined ? null : outcomeOf(factsOf(parts, resultOf(report)));
}

/** The outcome after an activation, whose connection is newer than the last result of the purpose. */
export function outcomeAfter(
  parts: Pick<Parts, 'ports' | 'outcomes' | 'activation'>,
  { failed, isOnline }: { readonly failed: CodedError | null; readonly isOnline: boolean },
): Outcome {
  const cause = failed?.facts['cause'];
  if (failed?.code === 'LICENSE-PROXY' && cause instanceof CodedError) {
    const { code, hop, advice } = cause;
    return outcomeOf(factsOf(parts, { kind: 'failed', code, leg: hop, advice }));
  }
  const hasAnswered = failed === null || failed.code === 'LICENSE' || failed.code === 'LICENSE-CLOCK';
  if (!isOnline || !hasAnswered) return hostOutcome(parts);
  return outcomeOf(factsOf(parts, { kind: 'reached', address: parts.outcomes.of('updates').address }));
}

function factsOf({ activation }: Pick<Parts, 'activation'>, connection: ConnectionResult): OutcomeFacts {
  return { hostName: hostname(), activation: activation.isUsed ? activation.state : null, connection };
}

/** A result from before the route changed says nothing. */
function lastResult({ outcomes }: Pick<Parts, 'outcomes'>, purpose: Purpose) {
  const { succeeded_at: succeeded, failed, open, address } = outcomes.of(purpose);
  if ((succeeded === null && failed === null) || outcomes.isOutdated(purpose)) return { kind: 'none' } as const;
  if (failed === null || !open) return { kind: 'reached', address } as const;
  const { code, hop, check } = failed.failure;
  return { kind: 'failed', code, leg: hop, advice: check } as const;
}

function resultOf({ failure, stages }: PurposeReport): ConnectionResult {
  if (failure !== null) {
    const { code, hop, advice, check } = failure;
    return { kind: 'failed', code, leg: hop, advice: advice ?? check };
  }
  const local = stages.findLast(({ name, outcome }) => name === 'dial' && outcome === 'ok')?.facts['local'];
  return { kind: 'reached', address: typeof local === 'string' ? local : null };
}
