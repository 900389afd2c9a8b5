// The requests of the link: one URL in two schemes, with the headers of the purpose and the signature of this host.

import type { SignableRequest } from '#http/signatures/request-signer.ts';
import type { LinkPorts } from './ports.ts';

/** The same URL for WebSocket or for HTTP, with TLS or, on loopback, without. */
export function withScheme(url: URL, secure: 'wss:' | 'https:', plain: 'ws:' | 'http:'): URL {
  const isSecure = url.protocol === 'wss:' || url.protocol === 'https:';
  return new URL(url.href.replace(url.protocol, isSecure ? secure : plain));
}

/** The headers of a request, signed if this host is activated. @throws CodedError TOKEN-REBIND */
export function signed(
  { headers, signer }: Pick<LinkPorts, 'headers' | 'signer'>,
  request: SignableRequest,
): Record<string, string> {
  return { ...headers(request.url), ...signer()?.sign(request) };
}
