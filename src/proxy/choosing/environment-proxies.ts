// Decides which proxy http_proxy, https_proxy, all_proxy and no_proxy name for a target, as curl does. Pure.
//
// Guarantees: lower case has priority over upper case, and a variable for the scheme over all_proxy. An empty variable
// counts as unset. No message contains the user or the password. An unescaped `@` in the password is an error, although
// curl guesses what it means. `no_proxy` is interpreted as everywhere else in Sallyport.

import { matchNoProxy } from '#config/values/no-proxy.ts';
import { decodedUserInfo, type ProxyUrl, readProxyUrl } from '#config/values/proxy-url.ts';
import type { Reason } from '#proxy/reason.ts';

/** Variables by name. */
export type Variables = Readonly<Record<string, string | undefined>>;

export type EnvironmentChoice =
  | { readonly kind: 'proxy'; readonly variable: string; readonly proxy: ProxyUrl }
  | { readonly kind: 'direct'; readonly reason: Reason }
  /** `reason` describes in words what is wrong with the value. */
  | { readonly kind: 'wrong'; readonly variable: string; readonly reason: string };

const NAMES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'] as const;
type Name = (typeof NAMES)[number];

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
      return userInfo.includes(':') && password !== '' ? [password, decodedUserInfo(password) ?? password] : [];
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
