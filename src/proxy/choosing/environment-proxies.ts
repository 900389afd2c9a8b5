// Decides which proxy http_proxy, https_proxy, all_proxy and no_proxy name for a target, as curl does. Pure.
//
// Guarantees: lower case has priority over upper case, and a variable for the scheme over all_proxy. An empty variable
// counts as unset. No message contains the user or the password. An unescaped `@`, which curl accepts by guessing, is an error.
// `no_proxy` is interpreted as everywhere else in Sallyport.

import { matchNoProxy, normaliseHost } from '#config/values/no-proxy.ts';
import type { HopScheme } from '#proxy/profile.ts';
import type { Reason } from '#proxy/reason.ts';

/** Variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** The proxy that a variable names. */
export interface NamedProxy {
  readonly scheme: HopScheme;
  readonly host: string;
  readonly port: number;
  /** Decoded; null if absent. */
  readonly user: string | null;
  readonly password: string | null;
}

export type EnvironmentChoice =
  | { readonly kind: 'proxy'; readonly variable: string; readonly proxy: NamedProxy }
  | { readonly kind: 'direct'; readonly reason: Reason }
  /** `reason` describes in words what is wrong with the value. */
  | { readonly kind: 'wrong'; readonly variable: string; readonly reason: string };

type Reading = { readonly ok: true; readonly proxy: NamedProxy } | { readonly ok: false; readonly reason: string };

const NAMES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'] as const;
type Name = (typeof NAMES)[number];

/** As in curl: an HTTP proxy without a port uses 1080, and `socks` is version 4. */
const SCHEMES: Readonly<Record<string, { readonly scheme: HopScheme; readonly port: number }>> = {
  http: { scheme: 'http', port: 1080 },
  https: { scheme: 'https', port: 443 },
  socks: { scheme: 'socks4', port: 1080 },
  socks4: { scheme: 'socks4', port: 1080 },
  socks4a: { scheme: 'socks4a', port: 1080 },
  socks5: { scheme: 'socks5', port: 1080 },
  socks5h: { scheme: 'socks5h', port: 1080 },
};

/** Chooses the proxy for a URL; host without brackets. */
export function chooseFromEnvironment(
  variables: Variables,
  target: { readonly encrypted: boolean; readonly host: string; readonly port: number },
): EnvironmentChoice {
  const exempt = valueIn(variables, 'no_proxy');
  const token = exempt === null ? null : matchNoProxy(exempt.value, target);
  if (exempt !== null && token !== null) {
    return { kind: 'direct', reason: { kind: 'variable exempts', variable: exempt.name, token } };
  }
  const own = target.encrypted ? 'https_proxy' : 'http_proxy';
  const found = valueIn(variables, own) ?? valueIn(variables, 'all_proxy');
  if (found === null) return { kind: 'direct', reason: { kind: 'no variable', variable: own } };
  const reading = readProxyUrl(found.value);
  return reading.ok
    ? { kind: 'proxy', variable: found.name, proxy: reading.proxy }
    : { kind: 'wrong', variable: found.name, reason: reading.reason };
}

/** Every secret in the variables, even if the rest of the value is invalid, so that it can be masked. */
export function secretsInEnvironment(variables: Variables): string[] {
  return NAMES.filter((name) => name !== 'no_proxy')
    .flatMap((name) => [variables[name], variables[name.toUpperCase()]])
    .flatMap((value) => {
      const userInfo = /^(?:[a-z][a-z0-9+.-]*:\/\/)?(.*)@/is.exec(value ?? '')?.[1] ?? '';
      const password = userInfo.slice(userInfo.indexOf(':') + 1);
      return userInfo.includes(':') && password !== '' ? [password, decoded(password) ?? password] : [];
    });
}

function valueIn(variables: Variables, name: Name): { readonly name: string; readonly value: string } | null {
  for (const written of [name, name.toUpperCase()]) {
    // Web servers pass the header `Proxy:` of a request to CGI programs under this name.
    if (written === 'HTTP_PROXY' && (variables['REQUEST_METHOD'] ?? '') !== '') continue;
    const value = variables[written]?.trim() ?? '';
    if (value !== '') return { name: written, value };
  }
  return null;
}

/**
 * Parsed by hand: the URL parser would drop the default port of http, and silently correct errors that must be
 * reported.
 */
function readProxyUrl(value: string): Reading {
  const [, scheme = 'http', rest = ''] = /^(?:([a-z][a-z0-9+.-]*):\/\/)?(.*)$/is.exec(value) ?? [];
  const kind = SCHEMES[scheme.toLowerCase()];
  if (kind === undefined) return wrong('its scheme is not one of http, https, socks4, socks4a, socks5, socks5h');
  const at = rest.lastIndexOf('@');
  const [userInfo, place] = at === -1 ? [null, rest] : [rest.slice(0, at), rest.slice(at + 1)];
  const credentials = readUserInfo(userInfo);
  if (typeof credentials === 'string') return wrong(credentials);
  const found = /^(?:\[([0-9a-f:.]+)\]|([^[\]:/?#\\%\s]+))(?::(\d{1,5}))?\/?$/i.exec(place);
  const host = normaliseHost(found?.[1] ?? found?.[2] ?? '');
  const port = found?.[3] === undefined ? kind.port : Number(found[3]);
  if (found === null || host === null) return wrong('it has no valid host and port');
  if (port < 1 || port > 65_535) return wrong('its port is not between 1 and 65535');
  return { ok: true, proxy: { scheme: kind.scheme, host, port, ...credentials } };
}

/** User and password, or a description of what is wrong with them. */
function readUserInfo(userInfo: string | null): Pick<NamedProxy, 'user' | 'password'> | string {
  if (userInfo === null) return { user: null, password: null };
  // RFC 3986, 3.2.1: the characters that may be unescaped. The first colon separates user and password; the password
  // may contain another one.
  const wrongOne = /[@/?#[\]\s\\]/.exec(userInfo)?.[0];
  if (wrongOne !== undefined) {
    return `it has an unescaped '${wrongOne.trim() === '' ? ' ' : wrongOne}' in its user or password part`;
  }
  const colon = userInfo.indexOf(':');
  const user = decoded(colon === -1 ? userInfo : userInfo.slice(0, colon));
  const password = decoded(colon === -1 ? '' : userInfo.slice(colon + 1));
  if (user === null || password === null) return "it has an unescaped '%' in its user or password part";
  // As for a profile: a control character would end a header, and the first colon ends the user in Basic (RFC 7617, 2).
  if (/\p{Cc}/u.test(user + password)) return 'it has a control character in its user or password part';
  if (user.includes(':')) return 'it has a colon in its user, which Basic cannot send';
  if (user === '') return password === '' ? { user: null, password: null } : 'it has a password but no user';
  return { user, password };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function wrong(reason: string): Reading {
  return { ok: false, reason };
}
