// A block page or a captive portal answers 200 in place of the server: told by its type, or by its first character.

import { coded } from '#errors/coded-error.ts';
import { pageTitle } from '#http/headers.ts';
import type { ResponseInfo } from '#http/response-info.ts';

/** Takes no page for an answer. @throws CodedError FEED-NOT-JSON with type, size and title */
export function refusePage(head: ResponseInfo, body: Uint8Array): void {
  const type = head.header('content-type') ?? 'no type';
  const first = Buffer.from(body.subarray(0, 64)).toString('utf8').trimStart()[0];
  if (!/html/i.test(type) && first !== '<') return;
  throw coded('FEED-NOT-JSON', { type, bytes: body.length, title: pageTitle(body) });
}
