// Whether bytes on disk may be gone on with: decided from what we have and what the response says, nothing else.
//
// Relies on the digest to decide in the end: a package never changes under its id, so a resume without a validator
// risks bytes, not truth. A 206 counts only when its Content-Range starts where we asked and names the length that
// the feed promised (block-aligned caches answer earlier: RFC 9110, 14.4).

import { type CodedError, coded } from '#errors/coded-error.ts';

/** What to ask for. */
export type RangePlan =
  | { readonly kind: 'whole' }
  | { readonly kind: 'rest'; readonly offset: number; readonly headers: Readonly<Record<string, string>> }
  | { readonly kind: 'nothing' };

/** What a response to that means. */
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

/** Plans the request from the bytes on disk. `validator` is a strong ETag, a Last-Modified date or null. */
export function planRange(onDisk: number, length: number, validator: string | null): RangePlan {
  if (onDisk === length && length > 0) return { kind: 'nothing' };
  if (onDisk === 0 || onDisk > length) return { kind: 'whole' };
  const headers: Record<string, string> = { range: `bytes=${onDisk}-` };
  if (validator !== null) headers['if-range'] = validator;
  return { kind: 'rest', offset: onDisk, headers };
}

/** Judges a 200, 206 or 416; any other status is the caller's. `length` is what the feed promised. */
export function judgeResume(plan: RangePlan, response: RangeFacts, length: number): ResumeVerdict {
  if (response.status === 206) return judgePart(plan, response, length);
  if (response.status === 416) {
    const asked = plan.kind === 'rest' ? plan.offset : 0;
    return { kind: 'restart', error: coded('RANGE-INVALID', { asked, range: response.contentRange ?? 'status 416' }) };
  }
  if (response.contentLength !== null && response.contentLength !== length) {
    return {
      kind: 'refused',
      error: coded('LENGTH-MISMATCH', { expected: length, announced: response.contentLength }),
    };
  }
  return { kind: 'from-zero', reason: plan.kind === 'rest' ? 'the whole package came instead of the rest' : null };
}

/** A validator that If-Range may carry: a strong ETag, else Last-Modified (RFC 9110, 13.1.5); null when neither. */
export function chooseValidator(etag: string | undefined, lastModified: string | undefined): string | null {
  if (etag !== undefined && /^"[\x21\x23-\x7e]{0,200}"$/.test(etag)) return etag;
  if (lastModified !== undefined && /^[A-Za-z0-9 ,:]{20,40}$/.test(lastModified)) return lastModified;
  return null;
}

function judgePart(plan: RangePlan, response: RangeFacts, length: number): ResumeVerdict {
  const asked = plan.kind === 'rest' ? plan.offset : 0;
  const range = /^bytes ([0-9]{1,16})-([0-9]{1,16})\/([0-9]{1,16}|\*)$/.exec(response.contentRange ?? '');
  const invalid = coded('RANGE-INVALID', { asked, range: response.contentRange ?? 'no Content-Range' });
  if (range === null || plan.kind !== 'rest') return { kind: 'restart', error: invalid };
  const [first, last, total] = [Number(range[1]), Number(range[2]), range[3] === '*' ? length : Number(range[3])];
  if (total !== length) {
    return { kind: 'refused', error: coded('LENGTH-MISMATCH', { expected: length, announced: total }) };
  }
  // A proxy may send less than the rest; what follows is asked for by the next attempt.
  const fits = first === plan.offset && last >= first && last < length;
  const counted = response.contentLength === null || response.contentLength === last - first + 1;
  return fits && counted ? { kind: 'append', offset: first } : { kind: 'restart', error: invalid };
}
