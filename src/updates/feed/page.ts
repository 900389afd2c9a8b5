// Detects a block page or a captive portal that answers 200 in place of the server, by the content type or the first
// character.

import { coded } from '#errors/coded-error.ts';
import { pageTitle } from '#http/headers.ts';
import type { ResponseInfo } from '#http/response-info.ts';

/** Refuses a page as a response. @throws CodedError FEED-NOT-JSON with type, size and title */
export function refusePage(head: ResponseInfo, body: Uint8Array): void {
  const type = head.header('content-type') ?? 'no type';
  const first = Buffer.from(body.subarray(0, 64)).toString('utf8').trimStart()[0];
  if (!/html/i.test(type) && first !== '<') return;
  throw coded('FEED-NOT-JSON', { type, bytes: body.length, title: pageTitle(body) });
}
