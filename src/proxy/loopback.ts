// Plain HTTP is trusted on this machine: a feed from there needs no TLS, and may be asked for with a token. The text of a
// URL only says that this is meant; a proxy elsewhere, or a name that resolves to elsewhere, would answer for it as well.
//
// Guarantees: a plain URL that names this machine goes over a connection whose other end is a loopback address, or fails
// before a byte is sent. A proxy on this machine counts as this machine; what it does behind that is not known here.

import { isLoopbackUrl } from '#config/schema/values.ts';
import { coded } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import { isLoopbackAddress } from '#system/network/addresses.ts';

/** The other end of a connection. */
interface OtherEnd {
  /** As the socket has it; undefined once it is closed. */
  readonly address: string | undefined;
  /** Profile name of the proxy there; null where it is the target itself. */
  readonly proxy: string | null;
  readonly hop: Hop;
}

/** @throws CodedError LOOPBACK-ELSEWHERE */
export function refuseElsewhere(target: URL, { address, proxy, hop }: OtherEnd): void {
  const isPlain = target.protocol === 'http:' || target.protocol === 'ws:';
  if (!isPlain || !isLoopbackUrl(target) || (address !== undefined && isLoopbackAddress(address))) return;
  throw coded('LOOPBACK-ELSEWHERE', {
    url: target.origin,
    address,
    by: proxy === null ? 'its name resolves to' : `proxy ${proxy} is at`,
    hop,
  });
}
