// Facts that follow from a URL: host, port, `host:port` for CONNECT, whether it needs TLS, and whether a proxy can get
// the whole URL (absolute form). Pure.

import { coded } from '#errors/coded-error.ts';
import type { HopScheme, ProxyProfile } from './profile.ts';
import type { ConnectMode } from './route.ts';

export interface Endpoint {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
  /** `host:port` in the form that CONNECT and Host need; IPv6 in brackets. */
  readonly authority: string;
  readonly tls: boolean;
  /** Whether a proxy supports absolute form for it. */
  readonly forwardable: boolean;
}

const SCHEMES: Readonly<Record<string, { port: number; tls: boolean; forwardable: boolean }>> = {
  'http:': { port: 80, tls: false, forwardable: true },
  'https:': { port: 443, tls: true, forwardable: false },
  // A WebSocket always needs a tunnel: forwarding proxies drop Upgrade.
  'ws:': { port: 80, tls: false, forwardable: false },
  'wss:': { port: 443, tls: true, forwardable: false },
};

/** @throws CodedError URL-INVALID */
export function endpointOf(target: URL): Endpoint {
  const scheme = SCHEMES[target.protocol];
  if (scheme === undefined || target.hostname === '') {
    const reason = scheme === undefined ? 'it is neither http, https, ws nor wss' : 'it has no host';
    throw coded('URL-INVALID', { url: `${target.protocol}//${target.host}`, reason });
  }
  const port = target.port === '' ? scheme.port : Number(target.port);
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  return { ...scheme, host, port, authority: `${target.hostname}:${port}` };
}

/** The connect mode through a proxy of this scheme. Only HTTP proxies support absolute form. */
export function connectModeThrough(
  profile: ProxyProfile,
  scheme: HopScheme,
  endpoint: Endpoint,
): Exclude<ConnectMode, 'direct'> {
  const isHttp = scheme === 'http' || scheme === 'https';
  return isHttp && endpoint.forwardable && profile.tunnel_http !== true ? 'forward' : 'tunnel';
}
