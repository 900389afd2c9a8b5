// Compares the proxy variables of a service with those of the caller's shell. The difference explains why a connection
// works in a shell but not for the service. The result contains no user, no password, and no value that is not a URL.
// Pure.

import type { ProxyVariables } from './report.ts';

/** In order of importance; programs read upper and lower case. */
const NAMES = ['HTTPS_PROXY', 'HTTP_PROXY', 'ALL_PROXY', 'NO_PROXY'] as const;

/** The proxy variables of an environment, by their upper-case name; blank ones are left out. */
export function proxyVariables(environment: Readonly<Record<string, string | undefined>>): ProxyVariables {
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const value = environment[name] || environment[name.toLowerCase()];
      return value === undefined || value === '' ? [] : [[name, name === 'NO_PROXY' ? value : withoutUser(value)]];
    }),
  );
}

/** Variables that name a proxy and that the shell has but the service lacks. */
export function onlyInShell(service: ProxyVariables, shell: ProxyVariables): string[] {
  return NAMES.filter((name) => name !== 'NO_PROXY' && shell[name] !== undefined && service[name] === undefined);
}

/** The differences, one sentence each. */
export function describeDifferences(service: ProxyVariables, shell: ProxyVariables): string[] {
  return NAMES.flatMap((name) => {
    const [here, there] = [service[name], shell[name]];
    if (here === there) return [];
    if (here === undefined) return [`The environment of the service has no ${name}; your shell has ${there}.`];
    if (there === undefined) return [`The environment of the service has ${name} ${here}; your shell has none.`];
    return [`The environment of the service has ${name} ${here}; your shell has ${there}.`];
  });
}

function withoutUser(value: string): string {
  const url = URL.parse(value.includes('://') ? value : `http://${value}`);
  return url === null || url.hostname === '' ? 'not a URL' : `${url.protocol}//${url.host}`;
}
