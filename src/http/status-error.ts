// Converts an unexpected status to a coded failure. 408, 425, 429 and 5xx may be temporary. After any other status, a
// person has to change something (RFC 9110, 15). Retry-After and the title of the page become facts of the failure.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import type { ResponseHead } from '#proxy/route.ts';
import { shownUrl } from './check-url.ts';
import { headerValue, pageTitle } from './headers.ts';
import { contentBlocked } from './refusal-page.ts';
import { parseRetryAfter } from './retry-delay.ts';

const PASSING = new Set([408, 425, 429]);

/** What is known in addition to the head. */
export interface AboutStatus {
  /** Wall time, to evaluate a Retry-After that is a date. */
  readonly nowMs: number;
  /** The part of the body that was read. */
  readonly page?: Uint8Array | undefined;
  /** Name of the connection's proxy. */
  readonly proxy?: string | null | undefined;
}

/** The failure for a response that the origin, or a scanner in its place, sent. */
export function statusError(head: ResponseHead, url: URL, { nowMs, page, proxy = null }: AboutStatus): CodedError {
  const blocked = contentBlocked(head, page ?? new Uint8Array(), { url, hop: originAt(url.host), proxy });
  if (blocked !== null) return blocked;
  const title = page === undefined ? null : pageTitle(page);
  const passing = PASSING.has(head.status) || head.status >= 500;
  const retryAfterMs = parseRetryAfter(headerValue(head, 'retry-after'), nowMs);
  return coded(passing ? 'ORIGIN-STATUS' : 'ORIGIN-REFUSED', {
    url: shownUrl(url),
    status: head.status,
    reason: title === null ? head.reason : [head.reason, title].filter((part) => part !== ''),
    title,
    hop: originAt(url.host),
    retryAfterMs,
  });
}
