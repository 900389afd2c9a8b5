// What a status that is not the expected one means, as a coded failure: 408, 425, 429 and 5xx may pass by themselves,
// everything else stays until somebody changes something (RFC 9110, 15). Retry-After travels along as a fact.

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { ResponseHead } from '#proxy/route.ts';
import { headerValue } from './headers.ts';
import { shownUrl } from './judge-url.ts';
import { parseRetryAfter } from './retry-delay.ts';

const PASSING = new Set([408, 425, 429]);

/** The failure for a response that the origin sent; `nowMs` is wall time, for a Retry-After that is a date. */
export function statusError(head: ResponseHead, url: URL, nowMs: number): CodedError {
  const passing = PASSING.has(head.status) || head.status >= 500;
  const retryAfterMs = parseRetryAfter(headerValue(head, 'retry-after'), nowMs);
  return coded(passing ? 'ORIGIN-STATUS' : 'ORIGIN-REFUSED', {
    url: shownUrl(url),
    status: head.status,
    reason: head.reason,
    hop: url.host,
    retryAfterMs,
  });
}
