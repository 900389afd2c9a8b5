// The kinds of route that bench/proxy.ts compares, each as settings of Sallyport, curl and https-proxy-agent.

import type { ProxyProfile } from '#proxy/profile.ts';
import { Secret } from '#redaction/secret.ts';
import { KDC_PROXY } from '#test/support/kdc.ts';
import type { RunningSquid } from '#test/support/squid.ts';
import { profile } from '#test/support/test-router.ts';
import { type Ports, USER } from './far-side.ts';

export interface Kind {
  readonly name: string;
  readonly target: string;
  readonly profile: ProxyProfile;
  /** Lines of a configuration of curl. */
  readonly curl: readonly string[];
  /** The address of the proxy for https-proxy-agent; null if it does not support this. */
  readonly agent: string | null;
}

const CONNECTS = ['proxytunnel'];
const asUser = (domain = '') => `proxy-user = "${domain}${USER.user}:${USER.password}"`;

export function kindsOf(ports: Ports): Kind[] {
  const target = `http://localhost:${ports.plain}`;
  const { user, password } = USER;
  const at = (port: number, more: object = {}): ProxyProfile => ({ ...profile(port), tunnel_http: true, ...more });
  const login = (authentication: 'basic' | 'digest' | 'ntlm', domain = '') => ({
    authentication,
    user,
    domain,
    password: new Secret(password),
  });
  const http = (port: number) => `proxy = "http://127.0.0.1:${port}"`;
  const none: Kind = {
    name: 'none',
    target,
    profile: at(ports.none),
    curl: [http(ports.none), ...CONNECTS],
    agent: `http://127.0.0.1:${ports.none}`,
  };
  return [
    none,
    {
      name: 'Basic',
      target,
      profile: at(ports.basic, login('basic')),
      curl: [http(ports.basic), ...CONNECTS, 'proxy-basic', asUser()],
      agent: `http://${user}:${encodeURIComponent(password)}@127.0.0.1:${ports.basic}`,
    },
    {
      name: 'Digest',
      target,
      profile: at(ports.digest, login('digest')),
      curl: [http(ports.digest), ...CONNECTS, 'proxy-digest', asUser()],
      agent: null,
    },
    {
      name: 'NTLM',
      target,
      profile: at(ports.ntlm, login('ntlm', USER.domain)),
      curl: [http(ports.ntlm), ...CONNECTS, 'proxy-ntlm', asUser(`${USER.domain}\\\\`)],
      agent: null,
    },
    {
      name: 'HTTPS proxy',
      target,
      profile: at(ports.tls, { scheme: 'https', address: 'localhost' }),
      curl: [`proxy = "https://localhost:${ports.tls}"`, ...CONNECTS],
      agent: `https://localhost:${ports.tls}`,
    },
    {
      name: 'SOCKS5, names at the proxy',
      target,
      profile: { ...profile(ports.socks), scheme: 'socks5h' },
      curl: [`proxy = "socks5h://127.0.0.1:${ports.socks}"`],
      agent: null,
    },
    {
      ...none,
      name: 'none, target over TLS',
      target: `https://localhost:${ports.secure}`,
      profile: at(ports.toSecure),
      curl: [http(ports.toSecure)],
      agent: `http://127.0.0.1:${ports.toSecure}`,
    },
  ];
}

export function throughSquid(ports: Ports, { port }: RunningSquid): Kind {
  return {
    name: 'none, Squid',
    target: `http://localhost:${ports.plain}`,
    profile: { ...profile(port), tunnel_http: true },
    curl: [`proxy = "http://127.0.0.1:${port}"`, ...CONNECTS],
    agent: `http://127.0.0.1:${port}`,
  };
}

/** The process needs a ticket in its environment. */
export function byTicket(ports: Ports, { port }: RunningSquid): Kind {
  return {
    name: 'Negotiate, Squid',
    target: `http://localhost:${ports.plain}`,
    profile: { ...profile(port), tunnel_http: true, authentication: 'negotiate', address: KDC_PROXY },
    curl: [`proxy = "http://${KDC_PROXY}:${port}"`, ...CONNECTS, 'proxy-negotiate', 'proxy-user = ":"'],
    agent: null,
  };
}
