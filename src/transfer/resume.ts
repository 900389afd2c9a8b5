// Decides whether a download can resume, from the bytes on disk and the response. Pure.
//
// A package never changes under its id, and its digest is checked at the end. A wrong decision without a validator
// therefore costs at most one wasted download. A 206 is accepted only if its Content-Range starts at the requested
// offset and has the length in the feed. Caches with aligned blocks may start earlier (RFC 9110, 14.4).

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { ResponseInfo } from '#http/response-info.ts';
import type { Restart } from './journal.ts';

/** What to request. */
export type RangePlan =
  | { readonly kind: 'whole' }
  | { readonly kind: 'rest'; readonly offset: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'nothing' };

/** The bytes on disk, in at most two copies. */
export interface CopySizes {
  readonly staged: number;
  readonly fresh: number;
}

/** What to request, and which copy it continues. */
export interface TransferPlan {
  readonly range: RangePlan;
  readonly continues: keyof CopySizes;
}

/** What an attempt did; input of `nextRestart`. */
export interface Attempted {
  readonly requested: RangePlan['kind'];
  readonly continued: keyof CopySizes;
  /** Bytes were written from zero on. `validator` is that of this response. */
  readonly fromZero: boolean;
  readonly validator: string | null;
  /** The attempt brought enough bytes to count as progress. */
  readonly madeProgress: boolean;
  /** The failure may be due to the request itself, so a different request may succeed. */
  readonly blamed: boolean;
  /** We ended the attempt, which says nothing about the request. */
  readonly aborted: boolean;
}

/** What a response to the planned request means. */
export type ResumeVerdict =
  | { readonly kind: 'append'; readonly offset: number }
  | { readonly kind: 'from-zero'; readonly reason: string | null }
  | { readonly kind: 'restart'; readonly error: CodedError }
  | { readonly kind: 'refused'; readonly error: CodedError };

/** The parts of a response head that matter here. */
export interface RangeFacts {
  readonly status: number;
  readonly contentRange: string | undefined;
  /** Content-Length, or null when the response has none. */
  readonly contentLength: number | null;
}

/** The facts of a head. */
export function rangeFactsOf(head: Pick<ResponseInfo, 'status' | 'contentLength' | 'header'>): RangeFacts {
  const { status, contentLength } = head;
  return { status, contentLength, contentRange: head.header('content-range') };
}

/** RFC 9110, 14.1: range units are case-insensitive. 14.4 has one space after the unit; more spaces are accepted. */
const CONTENT_RANGE = /^[ \t]*bytes[ \t]+([0-9]{1,16})[ \t]*-[ \t]*([0-9]{1,16})[ \t]*\/[ \t]*([0-9]{1,16}|\*)[ \t]*$/i;

/** Plans the request from the bytes on disk. `validator` is a strong ETag, a Last-Modified date or null. */
export function planRange(onDisk: number, length: number | null, validator: string | null): RangePlan {
  if (onDisk === length && length > 0) return { kind: 'nothing' };
  if (onDisk === 0 || (length !== null && onDisk > length)) return { kind: 'whole' };
  const headers: Record<string, string> = { range: `bytes=${onDisk}-` };
  if (validator !== null) headers['if-range'] = validator;
  return { kind: 'rest', offset: onDisk, headers };
}

/** One request of a plan. */
export interface PartRequest {
  readonly headers: Readonly<Record<string, string>>;
  /** Bytes that it asks for; null if the length of the file is unknown. */
  readonly bytes: number | null;
  /** Whether it asks for less than the plan. */
  readonly isPart: boolean;
}

/**
 * The request that follows from a plan and the advice for its path: for all missing bytes, or for the first part of
 * them.
 */
export function partOf(
  plan: RangePlan,
  advice: { readonly rangeBytes: number | null; readonly ranges: boolean },
  length: number | null,
): PartRequest {
  // Where ranges have wrong bytes, the whole file is requested. The bytes on disk are kept until more have arrived.
  if (!advice.ranges) return { headers: {}, bytes: length, isPart: false };
  const offset = plan.kind === 'rest' ? plan.offset : 0;
  const missing = length === null ? null : length - offset;
  const headers = plan.kind === 'rest' ? plan.headers : {};
  const { rangeBytes } = advice;
  if (rangeBytes === null || (missing !== null && rangeBytes >= missing))
    return { headers, bytes: missing, isPart: false };
  return {
    headers: { ...headers, range: `bytes=${offset}-${offset + rangeBytes - 1}` },
    bytes: rangeBytes,
    isPart: true,
  };
}

/** The restart record that still applies. Bytes beyond it show that the transfer got past it. */
export function activeRestart(restart: Restart | undefined, sizes: CopySizes): Restart | null {
  return restart !== undefined && sizes.staged > 0 && sizes.staged <= restart.kept ? restart : null;
}

/** The validator of the first copy. After a crash the second copy may have become the first without its validator. */
export function stagedValidator(
  journal: { readonly validator: string | null; readonly restart?: Restart | undefined },
  staged: number,
): string | null {
  const { restart, validator } = journal;
  return restart !== undefined && staged > restart.kept ? restart.validator : validator;
}

/** Plans the next request for a file of `length` bytes; null if that is unknown. */
export function planTransfer(
  journal: { readonly validator: string | null; readonly restart?: Restart | undefined },
  sizes: CopySizes,
  length: number | null,
): TransferPlan {
  const restart = activeRestart(journal.restart, sizes);
  if (restart?.ask === 'whole') return { range: { kind: 'whole' }, continues: 'fresh' };
  if (restart !== null && sizes.fresh > 0) {
    return { range: planRange(sizes.fresh, length, restart.validator), continues: 'fresh' };
  }
  const validator = stagedValidator(journal, sizes.staged);
  return { range: planRange(sizes.staged, length, validator), continues: 'staged' };
}

/**
 * What to remember after a failed attempt; null when the next request is for the rest of the first copy. After a failed
 * request for the rest, the next one is for everything. If that brings nothing either, ranges are not the cause, and
 * the next one is for the rest again.
 */
export function nextRestart(before: Restart | null, attempt: Attempted, sizes: CopySizes): Restart | null {
  if (sizes.staged === 0) return null;
  const keep = (ask: Restart['ask']): Restart | null => {
    if (ask === 'rest' && sizes.fresh === 0) return null;
    const known = attempt.fromZero ? attempt.validator : (before?.validator ?? null);
    return {
      kept: sizes.staged,
      ask,
      validator: sizes.fresh === 0 ? null : known,
      reached: Math.max(before?.reached ?? 0, sizes.fresh),
    };
  };
  if (attempt.requested === 'whole') return attempt.aborted && !attempt.fromZero ? before : keep('rest');
  // The first response with everything created the second copy. If its rest cannot be fetched either, request
  // everything.
  const opened = attempt.fromZero && attempt.continued === 'staged';
  return attempt.blamed && !attempt.madeProgress && !opened ? keep('whole') : keep('rest');
}

/**
 * Bytes by which an attempt has to lengthen a copy to count as progress: 1 KiB, or 1 % of a smaller package. A path that
 * passes 4 KiB on each connection still delivers a package, and the turn of the package bounds the time.
 */
export function progressBytes(length: number | null): number {
  return length === null ? 1_024 : Math.max(1, Math.min(1_024, Math.ceil(length / 100)));
}

/** The length of a file, as far as it is known. */
export interface KnownLength {
  /** Null if it is unknown. */
  readonly bytes: number | null;
  /** The caller promised it. Otherwise an earlier response showed it, and the file may have changed since. */
  readonly isPromised: boolean;
}

/** Checks a 200, 206 or 416; the caller handles any other status. */
export function checkResume(plan: RangePlan, response: RangeFacts, length: number | KnownLength): ResumeVerdict {
  const known = typeof length === 'number' ? { bytes: length, isPromised: true } : length;
  if (response.status === 206) return checkPart(plan, response, known);
  if (response.status === 416) {
    const offset = plan.kind === 'rest' ? plan.offset : 0;
    return {
      kind: 'restart',
      error: coded('RANGE-INVALID', { asked: offset, range: response.contentRange ?? 'status 416' }),
    };
  }
  const { bytes, isPromised } = known;
  if (isPromised && response.contentLength !== null && bytes !== null && response.contentLength !== bytes) {
    return {
      kind: 'refused',
      error: coded('LENGTH-MISMATCH', { expected: bytes, announced: response.contentLength }),
    };
  }
  return { kind: 'from-zero', reason: plan.kind === 'rest' ? 'the whole package arrived instead of the rest' : null };
}

/** The length of the whole file that a 200 or 206 announces; null if it announces none. */
export function announcedLength({ status, contentRange, contentLength }: RangeFacts): number | null {
  if (status !== 206 || contentRange === undefined) return contentLength;
  const total = CONTENT_RANGE.exec(contentRange)?.[3] ?? '*';
  return total === '*' ? null : Number(total);
}

/** A validator that If-Range may carry: a strong ETag, else Last-Modified (RFC 9110, 13.1.5); null without either. */
export function chooseValidator(etag: string | undefined, lastModified: string | undefined): string | null {
  if (etag !== undefined && /^"[\x21\x23-\x7e]{0,200}"$/.test(etag)) return etag;
  if (lastModified !== undefined && /^[A-Za-z0-9 ,:]{20,40}$/.test(lastModified)) return lastModified;
  return null;
}

function checkPart(plan: RangePlan, response: RangeFacts, known: KnownLength): ResumeVerdict {
  const offset = plan.kind === 'rest' ? plan.offset : 0;
  const range = CONTENT_RANGE.exec(response.contentRange ?? '');
  const invalid = coded('RANGE-INVALID', { asked: offset, range: response.contentRange ?? 'no Content-Range' });
  if (plan.kind !== 'rest' && isWhole(response, known.bytes)) return { kind: 'from-zero', reason: null };
  if (range === null) return { kind: 'restart', error: invalid };
  const [first, last] = [Number(range[1]), Number(range[2])];
  const total = announcedLength(response);
  if (total !== null && known.bytes !== null && total !== known.bytes) {
    if (!known.isPromised) return { kind: 'restart', error: invalid };
    return { kind: 'refused', error: coded('LENGTH-MISMATCH', { expected: known.bytes, announced: total }) };
  }
  // A proxy may send less than the rest; the next attempt requests what is missing.
  const length = total ?? known.bytes ?? Number.POSITIVE_INFINITY;
  const fits = first === offset && last >= first && last < length;
  const counted = response.contentLength === null || response.contentLength === last - first + 1;
  if (!fits || !counted) return { kind: 'restart', error: invalid };
  return plan.kind === 'rest' ? { kind: 'append', offset: first } : { kind: 'from-zero', reason: null };
}

/** A 206 that was not requested and has no Content-Range: only its length shows that it is complete. */
function isWhole({ contentRange, contentLength }: RangeFacts, length: number | null): boolean {
  return contentRange === undefined && contentLength !== null && contentLength === length;
}
