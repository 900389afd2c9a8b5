// Compares the validators of two responses, for a file whose digest is not known (RFC 9110, 8.8 and 13.1.5). Pure.
//
// Bytes of two responses are combined only if both have the same strong validator. Last-Modified counts as strong only
// if the file did not change shortly before the response, because a file can change twice within a second.

import type { ResponseInfo } from '#http/response-info.ts';
import type { RangePlan } from './resume.ts';

/** RFC 9110, 8.8.2.2: a second would do for one server; several servers with one name have different clocks. */
const MIN_AGE_MS = 60_000;
const STRONG_ETAG = /^"[\x21\x23-\x7e]{0,200}"$/;

/** The strong validator of a response: its ETag, or its Last-Modified if that is old enough; null without one. */
export function strongValidator(head: Pick<ResponseInfo, 'header'>): string | null {
  const etag = head.header('etag');
  if (etag !== undefined) return STRONG_ETAG.test(etag) ? etag : null;
  const modified = head.header('last-modified');
  const [modifiedMs, dateMs] = [Date.parse(modified ?? ''), Date.parse(head.header('date') ?? '')];
  return modified !== undefined && dateMs - modifiedMs >= MIN_AGE_MS ? modified : null;
}

/**
 * Whether a 206 names the validator that its request had for the bytes on disk. A response that names none may belong to
 * another file.
 */
export function repeatsIfRange(head: Pick<ResponseInfo, 'header'>, range: RangePlan): boolean {
  const validator = range.kind === 'rest' ? range.headers['if-range'] : undefined;
  if (validator === undefined) return false;
  return head.header(validator.startsWith('"') ? 'etag' : 'last-modified') === validator;
}
