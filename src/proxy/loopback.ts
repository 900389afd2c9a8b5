// Protects plain HTTP on this host. A URL with a loopback host needs no TLS and may be requested with a token. But it
// may still lead to another host, if a proxy is there or the name resolves to that host.
//
// Guarantees: a connection for a plain http URL that names this host goes to a loopback address, or fails before a byte
// is sent. A proxy on this host is accepted, although it may connect to other hosts.

import { isLoopbackUrl } from '#config/schema/values.ts';
import { coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { isLoopbackAddress } from '#system/network/addresses.ts';

/** The peer of a connection. */
interface RemoteEnd {
  /** As the socket reports it; undefined once it is closed. */
  readonly address: string | undefined;
  /** Profile name of the proxy at that end; null if it is the target itself. */
  readonly proxy: string | null;
  readonly hop: Hop;
}

/** @throws CodedError LOOPBACK-ELSEWHERE */
export function refuseElsewhere(target: URL, { address, proxy, hop }: RemoteEnd): void {
  const isPlain = target.protocol === 'http:' || target.protocol === 'ws:';
  if (!isPlain || !isLoopbackUrl(target) || (address !== undefined && isLoopbackAddress(address))) return;
  throw coded('LOOPBACK-ELSEWHERE', {
    url: target.origin,
    address,
    by: proxy === null ? 'its name resolves to' : `proxy ${proxy} is at`,
    hop,
  });
}
