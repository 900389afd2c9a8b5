// Refuses a web page that comes instead of a response from the server of the feed.

import { coded } from '#errors/coded-error.ts';
import { pageTitle } from '#http/headers.ts';
import { isPage } from '#http/page.ts';
import type { ResponseInfo } from '#http/response-info.ts';

/** Refuses a page as a response. @throws CodedError FEED-NOT-JSON with type, size and title */
export function refusePage(head: ResponseInfo, body: Uint8Array): void {
  if (!isPage(head, body)) return;
  const type = head.header('content-type') ?? 'no type';
  throw coded('FEED-NOT-JSON', { type, bytes: body.length, title: pageTitle(body) });
}
