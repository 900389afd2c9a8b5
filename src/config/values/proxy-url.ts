// Reads the URL of a proxy, in the form that variables and the files of other programs use. Pure.
//
// Guarantees: no message contains the user or the password. An unescaped `@` in the password is an error, although curl
// guesses what it means.

import { normaliseHost } from './no-proxy.ts';

type ProxyUrlScheme = 'http' | 'https' | 'socks4' | 'socks4a' | 'socks5' | 'socks5h';

/** The proxy that a URL names. */
export interface ProxyUrl {
  readonly scheme: ProxyUrlScheme;
  readonly host: string;
  readonly port: number;
  /** Decoded; null if absent. */
  readonly user: string | null;
  readonly password: string | null;
}

type ProxyUrlReading =
  | { readonly ok: true; readonly proxy: ProxyUrl }
  /** `reason` describes in words what is wrong with the value. */
  | { readonly ok: false; readonly reason: string };

/** As in curl: an HTTP proxy without a port uses 1080, and `socks` is version 4. */
const SCHEMES: Readonly<Record<string, { readonly scheme: ProxyUrlScheme; readonly port: number }>> = {
  http: { scheme: 'http', port: 1080 },
  https: { scheme: 'https', port: 443 },
  socks: { scheme: 'socks4', port: 1080 },
  socks4: { scheme: 'socks4', port: 1080 },
  socks4a: { scheme: 'socks4a', port: 1080 },
  socks5: { scheme: 'socks5', port: 1080 },
  socks5h: { scheme: 'socks5h', port: 1080 },
};

/**
 * Reads the URL of a proxy, as curl accepts it: the scheme may be missing. Parsed by hand: the URL parser would drop the
 * default port of http, and silently correct errors that must be reported.
 */
export function readProxyUrl(value: string): ProxyUrlReading {
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
function readUserInfo(userInfo: string | null): Pick<ProxyUrl, 'user' | 'password'> | string {
  if (userInfo === null) return { user: null, password: null };
  // RFC 3986, 3.2.1: the characters that may be unescaped. The first colon separates user and password; the password
  // may contain another one.
  const wrongOne = /[@/?#[\]\s\\]/.exec(userInfo)?.[0];
  if (wrongOne !== undefined) {
    return `it has an unescaped '${wrongOne.trim() === '' ? ' ' : wrongOne}' in its user or password part`;
  }
  const colon = userInfo.indexOf(':');
  const user = decodedUserInfo(colon === -1 ? userInfo : userInfo.slice(0, colon));
  const password = decodedUserInfo(colon === -1 ? '' : userInfo.slice(colon + 1));
  if (user === null || password === null) return "it has an unescaped '%' in its user or password part";
  // As for a profile: a control character would end a header, and the first colon ends the user in Basic (RFC 7617, 2).
  if (/\p{Cc}/u.test(user + password)) return 'it has a control character in its user or password part';
  if (user.includes(':')) return 'it has a colon in its user, which Basic cannot send';
  if (user === '') return password === '' ? { user: null, password: null } : 'it has a password but no user';
  return { user, password };
}

/** Without percent-encoding; null if that is wrong. */
export function decodedUserInfo(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function wrong(reason: string): ProxyUrlReading {
  return { ok: false, reason };
}
