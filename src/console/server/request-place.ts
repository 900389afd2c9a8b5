// Decides whether a request comes from a page of this console in a browser that reached it over loopback. Pure.
//
// Guarantees: a name that a foreign DNS server answers with 127.0.0.1 is refused (DNS rebinding). A page from another
// port of this host, which a browser treats as the same site, is also refused. The port is not checked, because
// forwarding by ssh changes it.

import type { IncomingMessage } from 'node:http';

const LOOPBACK = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d{1,5})?$/i;
/** `none`: the person opened the link. A request of a program has no such header. */
const OWN_SITES: ReadonlySet<string> = new Set(['same-origin', 'none']);

/** Why a request is refused, as the end of a sentence; null if it is not. */
export function foreignPlace({
  headers,
  headersDistinct,
}: Pick<IncomingMessage, 'headers' | 'headersDistinct'>): string | null {
  const { host = '', origin } = headers;
  if (headersDistinct['host']?.length !== 1 || !LOOPBACK.test(host))
    return 'the Host header is not 127.0.0.1, localhost or [::1]';
  if (origin !== undefined && origin.toLowerCase() !== `http://${host.toLowerCase()}`) {
    return 'it comes from a page of another origin';
  }
  const site = headers['sec-fetch-site'];
  if (site !== undefined && !OWN_SITES.has(String(site))) return 'it comes from a page of another site';
  return null;
}
