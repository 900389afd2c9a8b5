// Recognizes a page that came in place of the expected response: a block page, a captive portal, or the error page of a
// server. Pure; the content is untrusted text.

import { readErrorPage } from '#proxy/error-page.ts';
import type { ResponseHead } from '#proxy/route.ts';
import { headerValue } from './headers.ts';

/** Bytes at the start of a body in which the first character is looked for. */
const START_BYTES = 64;
/** Longest title or text that only repeats a status, in characters. */
const MAX_STATUS_WORDS = 80;

/** Words of the error pages that web servers make by themselves, such as `504 Gateway Time-out`. */
const STATUS_WORDS = new Set(
  (
    'allow allowed authorization bad code conflict content entity error forbidden found gateway gone http ' +
    'implemented insufficient internal is large length limit locked many media method not out page payload permitted ' +
    'precondition request requests required server service status storage temporarily the time timeout too type ' +
    'unauthorized unavailable unprocessable unsupported'
  ).split(' '),
);

/** Whether the response is a page for people, by its content type or its first character. */
export function isPage(head: ResponseHead, body: Uint8Array): boolean {
  if (/html/i.test(headerValue(head, 'content-type') ?? '')) return true;
  return Buffer.from(body.subarray(0, START_BYTES)).toString('utf8').trimStart().startsWith('<');
}

/**
 * Whether the page of an error only repeats its status, as the pages of nginx, Apache and others do. Such a page shows
 * no more than the status does. A page with other words was written for this case.
 */
export function repeatsStatus({ status }: ResponseHead, page: Uint8Array): boolean {
  if (status < 400) return false;
  const { title, words } = readErrorPage(Buffer.from(page).toString('utf8'));
  const shown = title ?? words;
  if (shown === null) return true;
  if (shown.length > MAX_STATUS_WORDS) return false;
  const named: readonly string[] = shown.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return named.every((word) => word === String(status) || STATUS_WORDS.has(word));
}
