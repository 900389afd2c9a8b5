// Builds a request as it is sent on its connection: the target and the headers.
//
// Guarantees: proxy credentials come only from the connection, never from a caller, so they are never sent inside a
// tunnel (principle 6). No content coding is requested. Pure.

import type { Connection } from '#proxy/route.ts';

/** The request target: the whole URL for a forwarding proxy (RFC 9112, 3.2.2), else path and query (3.2.1). */
export function requestPath(connection: Connection, url: URL): string {
  const path = `${url.pathname}${url.search}`;
  return connection.form === 'absolute' ? `${url.origin}${path}` : path;
}

interface WireRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The caller's headers, then those of every request, then those that the hop needs. `connectionHeader` is the value of
 * Connection: a connection for a single request is closed after the response, so that neither side keeps an idle one.
 */
export function wireHeaders(
  connection: Connection,
  { method, url, headers }: WireRequest,
  connectionHeader: 'close' | 'keep-alive',
): Record<string, string> {
  const wire: Record<string, string> = { host: url.host };
  for (const [name, value] of Object.entries(headers)) wire[name.toLowerCase()] = value;
  delete wire['proxy-authorization'];
  for (const name of connection.facts.withheld ?? []) delete wire[name];
  Object.assign(wire, { host: url.host, 'accept-encoding': 'identity', connection: connectionHeader });
  for (const [name, value] of Object.entries(connection.headersFor(method, requestPath(connection, url)))) {
    wire[name.toLowerCase()] = value;
  }
  return wire;
}
