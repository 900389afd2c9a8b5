// Which proxy the variables http_proxy, https_proxy, all_proxy and no_proxy name for a target, with curl's meaning. Pure.
//
// Guarantees: lower case goes before upper case, a variable of its own before all_proxy; an empty one counts as none; no
// sentence repeats user or password. What curl guesses at, an unescaped `@`, is a mistake here. The list of no_proxy has
// the one meaning that it has everywhere in this house.

import { matchNoProxy, normaliseHost } from '#config/values/no-proxy.ts';
import type { HopScheme } from '#proxy/profile.ts';
import type { Reason } from '#proxy/reason.ts';

/** Variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

/** What a variable names. */
export interface NamedProxy {
  readonly scheme: HopScheme;
  readonly host: string;
  readonly port: number;
  /** Decoded; null without. */
  readonly user: string | null;
  readonly password: string | null;
}

export type EnvironmentChoice =
  | { readonly kind: 'proxy'; readonly variable: string; readonly proxy: NamedProxy }
  | { readonly kind: 'direct'; readonly reason: Reason }
  /** What is wrong with the value, in words. */
  | { readonly kind: 'wrong'; readonly variable: string; readonly reason: string };

type Reading = { readonly ok: true; readonly proxy: NamedProxy } | { readonly ok: false; readonly reason: string };

const NAMES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'] as const;
type Name = (typeof NAMES)[number];

/** curl's: an HTTP proxy without a port is looked for at 1080; `socks` is version 4. */
const SCHEMES: Readonly<Record<string, { readonly scheme: HopScheme; readonly port: number }>> = {
  http: { scheme: 'http', port: 1080 },
  https: { scheme: 'https', port: 443 },
  socks: { scheme: 'socks4', port: 1080 },
  socks4: { scheme: 'socks4', port: 1080 },
  socks4a: { scheme: 'socks4a', port: 1080 },
  socks5: { scheme: 'socks5', port: 1080 },
  socks5h: { scheme: 'socks5h', port: 1080 },
};

/** Chooses for a URL; host without brackets. */
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

/** Every secret that the variables hold, also where the rest of the value is wrong, to be masked. */
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
    // A web server hands the header `Proxy:` of a request to its CGI programs by this name.
    if (written === 'HTTP_PROXY' && (variables['REQUEST_METHOD'] ?? '') !== '') continue;
    const value = variables[written]?.trim() ?? '';
    if (value !== '') return { name: written, value };
  }
  return null;
}

/** By hand: the URL parser would drop a port that is http's own, and mend what should be told. */
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

/** User and password, or what is wrong with them in words. */
function readUserInfo(userInfo: string | null): Pick<NamedProxy, 'user' | 'password'> | string {
  if (userInfo === null) return { user: null, password: null };
  // RFC 3986, 3.2.1: what may stand there unescaped. The first colon parts the two; one more in the password is taken.
  const wrongOne = /[@/?#[\]\s\\]/.exec(userInfo)?.[0];
  if (wrongOne !== undefined) {
    return `it has an unescaped '${wrongOne.trim() === '' ? ' ' : wrongOne}' in its user or password part`;
  }
  const colon = userInfo.indexOf(':');
  const user = decoded(colon === -1 ? userInfo : userInfo.slice(0, colon));
  const password = decoded(colon === -1 ? '' : userInfo.slice(colon + 1));
  if (user === null || password === null) return "it has an unescaped '%' in its user or password part";
  // As for a profile: they would end a header, and the first colon ends the user in Basic (RFC 7617, 2).
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
