// Turns the outcome of an upload into the verdict on its entry of the spool, and into what its job stores. Pure.
//
// Guarantees: only a receipt settles an entry, and an entry is rejected only if the server refused its bytes twice. The
// first failure of a series is reported as a warning. Later failures are counted, and the number is reported when the
// upload succeeds.

import { purposeRow } from '#config/purposes.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { SallyportEvent, Scope } from '#logging/events.ts';
import type { Verdict } from '#spool/delivery.ts';
import { afterBlock, type ContentBlock } from '#uploads/content-block.ts';
import type { UploadOutcome } from './upload-types.ts';

const SCOPE: Scope = { purpose: 'support_logs', thread: purposeRow('support_logs').thread };

/** What is known of the job whose upload ended. */
export interface UploadedJob {
  readonly job: string;
  /** Failed attempts before this one. */
  readonly failures: number;
  /** What was remembered of earlier blocks. */
  readonly block: ContentBlock | null;
  /** Identifies the route of this attempt. */
  readonly route: string;
}

/** What follows from an upload. */
export interface AfterUpload<Body> {
  readonly verdict: Verdict<Body>;
  /** To be stored with the job. */
  readonly block: ContentBlock | null;
  readonly state: 'sent' | 'waiting' | 'held' | 'failed';
}

/** Decides what follows from the outcome. What is to be stored must be durable before the verdict is carried out. */
export function afterUpload<Body>(outcome: UploadOutcome, known: UploadedJob): AfterUpload<Body> {
  const { job, failures } = known;
  if (outcome.ended === 'receipt') return { verdict: { does: 'settle', says: [] }, block: null, state: 'sent' };
  const { failure } = outcome;
  if (outcome.ended === 'failed') {
    const says = [{ name: 'upload-refused', job, error: failure, ...SCOPE }] as const;
    return { verdict: { does: 'reject', failure, says }, block: known.block, state: 'failed' };
  }
  if (outcome.ended === 'blocked') return afterBlocked(failure, known);
  const says = (at: number) => [failureEvent(failure, { job, failures, at })];
  const { holds } = outcome;
  return { verdict: { does: 'postpone', failure, holds, says }, block: known.block, state: 'waiting' };
}

/** The verdict on an entry that is held, without an attempt. */
export function stillHeld<Body>(failure: CodedError): Verdict<Body> {
  return { does: 'hold', failure, says: [] };
}

function afterBlocked<Body>(failure: CodedError, { job, failures, block, route }: UploadedJob): AfterUpload<Body> {
  const next = afterBlock(block, route);
  if (next.does === 'hold') {
    const says = [{ name: 'upload-held', job, error: failure, ...SCOPE }] as const;
    return { verdict: { does: 'hold', failure, says }, block: next.block, state: 'held' };
  }
  const says = (at: number) => [failureEvent(failure, { job, failures, at })];
  const verdict = { does: 'postpone', failure, waitMs: next.waitMs, holds: false, says } as const;
  return { verdict, block: next.block, state: 'waiting' };
}

function failureEvent(
  error: CodedError,
  { job, failures, at }: { readonly job: string; readonly failures: number; readonly at: number },
): SallyportEvent {
  const hop = error.place;
  if (failures === 0 || error.code === 'CONTENT-BLOCKED') {
    return { name: 'upload-failed', job, error, hop, at, ...SCOPE };
  }
  return { name: 'upload-failed-again', job, failures: failures + 1, code: error.code, hop, at, ...SCOPE };
}
