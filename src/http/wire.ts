// What a request looks like on this lane: the form of its target and its headers.
//
// Guarantees: proxy credentials come from the lane alone and never from a caller, so none can enter a tunnel (law 9);
// nothing is asked for in an encoded form. Pure.

import type { Lane } from '#proxy/route.ts';

/** The request target: the whole URL for a forwarding proxy (RFC 9112, 3.2.2), else path and query (3.2.1). */
export function requestPath(lane: Lane, url: URL): string {
  const path = `${url.pathname}${url.search}`;
  return lane.form === 'absolute' ? `${url.origin}${path}` : path;
}

interface WireRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The caller's headers, then what every request carries, then what the hop wants. `connection` says what becomes of the
 * connection after the answer: a lane that is used once is closed, which spares both sides an idle connection.
 */
export function wireHeaders(
  lane: Lane,
  { method, url, headers }: WireRequest,
  connection: 'close' | 'keep-alive',
): Record<string, string> {
  const wire: Record<string, string> = { host: url.host };
  for (const [name, value] of Object.entries(headers)) wire[name.toLowerCase()] = value;
  delete wire['proxy-authorization'];
  Object.assign(wire, { host: url.host, 'accept-encoding': 'identity', connection });
  for (const [name, value] of Object.entries(lane.headersFor(method, requestPath(lane, url)))) {
    wire[name.toLowerCase()] = value;
  }
  return wire;
}
