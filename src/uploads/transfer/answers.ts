// The table that says how an upload continues after each response. Pure.
//
// Guarantees: a second upload is created only if the tus server itself answers HEAD with 404 or 410, or says that it
// has other bytes than ours. No other status, page or response of a proxy causes this. If a method is known to work on
// this path and a scanner blocked the content, the content is not sent again by another method.

import type { UploadMethod } from './path-memory.ts';

/** The requests of an upload. `offset` is the HEAD that asks how many bytes the server has. */
export type UploadStep = 'create' | 'offset' | 'chunk' | 'complete' | 'put';

/** What decides about a response. */
export interface AnswerFacts {
  readonly status: number;
  /** The response has the field Tus-Resumable, which a tus server sends with every response (tus 1.0, Tus-Resumable). */
  readonly isTus: boolean;
  /** `marked`: a scanner names its finding. `page`: a page with words of its own. */
  readonly block: 'marked' | 'page' | null;
  /** A JSON problem that names our job (RFC 9457). */
  readonly isAboutJob: boolean;
}

/** What is known of the path and this upload. */
export interface AnswerContext {
  readonly method: UploadMethod;
  /** A chunk was accepted by this method in this run of the upload. */
  readonly passed: boolean;
  /** A chunk was accepted by this method on this path recently. */
  readonly passedRecently: boolean;
}

/**
 * `accept`: continue. `offset`: ask the server for its offset and continue. `smaller`: with smaller chunks.
 * `other-method`: by another method. `gone`: the server has no such upload. `other-bytes`: the server has other bytes than
 * ours. `blocked`: a scanner stopped it. `wait`: the next attempt is later.
 */
export type AnswerVerdict =
  | 'accept'
  | 'offset'
  | 'smaller'
  | 'other-method'
  | 'gone'
  | 'other-bytes'
  | 'blocked'
  | 'wait';

/** Statuses that refuse a method rather than the content (RFC 9110, 15.5.4, 15.5.6, 15.6.2). */
const REFUSES_METHOD: ReadonlySet<number> = new Set([403, 405, 501]);
/** What a server answers that does not know the override, and reads a POST to the URL of an upload. */
const REFUSES_OVERRIDE: ReadonlySet<number> = new Set([...REFUSES_METHOD, 400, 404, 410, 412, 415]);
const GONE: ReadonlySet<number> = new Set([404, 410]);

/** Decides what follows from a response. */
export function verdictOf(step: UploadStep, answer: AnswerFacts, context: AnswerContext): AnswerVerdict {
  if (answer.block === 'marked') return 'blocked';
  if (answer.block === 'page') return verdictOfPage(step, context);
  const { status } = answer;
  if (status >= 200 && status <= 299) return 'accept';
  if (step === 'create') return 'wait';
  if (step === 'offset') return isGone(answer) ? 'gone' : 'wait';
  if (step === 'chunk') return verdictOfChunk(answer, context);
  if (status === 422 && answer.isAboutJob) return 'other-bytes';
  return step === 'complete' && status === 409 ? 'offset' : 'wait';
}

/** A HEAD carries no content, so no content was blocked. */
function verdictOfPage(step: UploadStep, { method, passedRecently }: AnswerContext): AnswerVerdict {
  if (step === 'offset') return 'wait';
  return step === 'chunk' && method === 'patch' && !passedRecently ? 'other-method' : 'blocked';
}

function verdictOfChunk({ status }: AnswerFacts, { method, passed }: AnswerContext): AnswerVerdict {
  if (status === 413) return 'smaller';
  const refusals = method === 'override' ? REFUSES_OVERRIDE : REFUSES_METHOD;
  if (refusals.has(status) && !passed) return 'other-method';
  // 460: the checksum of the chunk differs (tus 1.0, checksum). HEAD decides whether an upload is gone.
  return status === 409 || status === 460 || GONE.has(status) ? 'offset' : 'wait';
}

/** A proxy or a gateway sends 404 as well, but not with the version of tus. */
function isGone({ status, isTus }: AnswerFacts): boolean {
  return isTus && GONE.has(status);
}
