// The requests of the link: the URL with the scheme of each transport, the headers of the purpose, and the signature of
// this host.
//
// Guarantees: a token or a signature is sent only to the origin of the active `platform.url`. This matters while new
// settings are applied, because the link may still have the previous URL.

import { coded } from '#errors/coded-error.ts';
import type { SignableRequest } from '#http/signatures/request-signer.ts';
import type { LinkPorts } from './ports.ts';

/** The same URL for WebSocket or for HTTP, with TLS or, on loopback, without. */
export function withScheme(url: URL, secure: 'wss:' | 'https:', plain: 'ws:' | 'http:'): URL {
  const isSecure = url.protocol === 'wss:' || url.protocol === 'https:';
  return new URL(url.href.replace(url.protocol, isSecure ? secure : plain));
}

/** Whether the settings now name another origin than this, or none. */
export function isFormerOrigin(url: URL, { settings }: Pick<LinkPorts, 'settings'>): boolean {
  const active = settings().url;
  return active === null || originOf(active) !== originOf(url);
}

/**
 * The headers of a request, signed if this host is activated.
 * @throws CodedError TOKEN-REBIND; INTERRUPTED if the settings now name another origin
 */
export function signed(
  ports: Pick<LinkPorts, 'headers' | 'signer' | 'settings'>,
  request: SignableRequest,
): Record<string, string> {
  if (isFormerOrigin(request.url, ports)) throw coded('INTERRUPTED', { reason: 'platform.url has changed' });
  return { ...ports.headers(request.url), ...ports.signer()?.sign(request) };
}

/** The same for a WebSocket and for a poll. */
function originOf(url: URL): string {
  return withScheme(url, 'https:', 'http:').origin;
}
