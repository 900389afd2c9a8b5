// Reads the headers of a batch: its id, digest, number of documents, and content coding. Pure.
//
// A response that refuses a header has no member `batch`, because this member would make the agent split the batch to
// find a bad document.

import type { IncomingHttpHeaders } from 'node:http';
import type { RefusedRequest } from '#origin/reply.ts';
import { agentOf, headerOf, keyOf, mediaTypeOf, sha256Of } from '#origin/uploads/upload-headers.ts';
import type { Coding } from '#origin/uploads/upload-options.ts';

export interface BatchHead {
  readonly batch: string;
  /** Empty when the sender does not name itself. */
  readonly agent: string;
  /** Of the bytes without content coding. */
  readonly sha256: string;
  readonly documents: number;
  readonly coding: Coding;
}

const BATCH_TYPE = 'application/x-ndjson';
const COUNT = /^\d{1,9}$/;

/** Reads the head for a server that accepts these codings. */
export function readBatchHead(
  headers: IncomingHttpHeaders,
  codings: readonly Coding[],
): { readonly head: BatchHead } | { readonly refusal: RefusedRequest } {
  // A page in a user's browser cannot send this type without a preflight request, which is refused.
  if (mediaTypeOf(headers) !== BATCH_TYPE) return refused(415, `Send ${BATCH_TYPE}.`);
  const coding = codingOf(headers);
  if (coding === null || !codings.includes(coding)) return { refusal: refuseCoding(codings) };
  const batch = keyOf(headers);
  if (batch === null) return refused(400, 'The header Idempotency-Key with the ID of the batch is missing.');
  const sha256 = sha256Of(headers, 'unencoded-digest');
  if (sha256 === null) return refused(400, 'The header Unencoded-Digest with sha-256 is missing.');
  const documents = headerOf(headers, 'sallyport-documents') ?? '';
  if (!COUNT.test(documents)) return refused(400, 'The header Sallyport-Documents with a number is missing.');
  return { head: { batch, agent: agentOf(headers), sha256, documents: Number(documents), coding } };
}

function codingOf(headers: IncomingHttpHeaders): Coding | null {
  const value = (headerOf(headers, 'content-encoding') ?? 'identity').trim().toLowerCase();
  // RFC 9110, 8.4.1.3: x-gzip is gzip.
  if (value === 'gzip' || value === 'x-gzip') return 'gzip';
  if (value === 'zstd') return 'zstd';
  return value === 'identity' ? 'none' : null;
}

/** RFC 9110, 15.5.16: the response names the codings that are accepted. */
function refuseCoding(codings: readonly Coding[]): RefusedRequest {
  const names = codings.map((coding) => (coding === 'none' ? 'identity' : coding)).join(', ');
  return {
    status: 415,
    detail: `Content-Encoding must be one of: ${names}.`,
    headers: { 'Accept-Encoding': names },
  };
}

function refused(status: number, detail: string): { readonly refusal: RefusedRequest } {
  return { refusal: { status, detail } };
}
