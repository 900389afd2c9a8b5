// Replies that batches and bundles share. Pure.

import { type JsonReply, problemOf, type RefusedRequest } from '#origin/reply.ts';

/** Until a person has made room. */
export const SECONDS_UNTIL_SPACE = 3_600;
/** Until another request has ended. */
export const SECONDS_UNTIL_FREE = 1;

/** The body was changed on its path, or the header has no SHA-256. */
export function otherContentDigest(): JsonReply {
  return problemOf({ status: 400, detail: 'The body does not have the SHA-256 digest of Content-Digest.' });
}

/** A refusal with the time after which to repeat the request: RFC 9110, 10.2.3. */
export function later(refusal: RefusedRequest, seconds: number): JsonReply {
  return problemOf({ ...refusal, headers: { ...refusal.headers, 'Retry-After': String(seconds) } });
}

/** The reply to a test object of which `length` bytes were read; null if it was larger than the limit. */
export function replyToTest(length: number | null, limit: number): JsonReply {
  if (length !== null) return { status: 200, body: { test: true, length } };
  return problemOf({ status: 413, detail: `A test object has at most ${limit} bytes.` });
}
