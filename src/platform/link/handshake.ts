// The handshake of the link over a WebSocket. A diagnosis uses the same one.

import type { CodedError } from '#errors/coded-error.ts';
import { statusError } from '#http/status-error.ts';
import type { ResponseHead } from '#proxy/route.ts';

/** RFC 6455, 1.9. */
export const LINK_SUBPROTOCOL = 'sallyport.link.v1';

/** An answer of the platform itself, which does not show that WebSocket is blocked: 401, 429 and most of 5xx. */
const ANSWERS_OF_PLATFORM: ReadonlySet<number> = new Set([401, 408, 425, 429, 500, 502, 503, 504]);

/** The failure for an answer of the platform to the upgrade; null for one that shows that WebSocket is blocked. */
export function linkRefusal(head: ResponseHead, url: URL, nowMs: number): CodedError | null {
  return ANSWERS_OF_PLATFORM.has(head.status) ? statusError(head, url, { nowMs }) : null;
}
