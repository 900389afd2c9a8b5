// Checks the keys that a kind of proxy requires and those that it cannot use: SOCKS, PAC files, the environment. Pure.

import type { Finding, KeyPath } from '#config/problem.ts';
import { tokensOf } from '#config/values/no-proxy.ts';
import { error, type Salvaged, warning } from './salvaged.ts';

type SalvagedProfile = NonNullable<NonNullable<Salvaged['proxies']>[number]>;

/** The rules about the kind of one profile. */
export function checkKind(profile: SalvagedProfile, index: number, proxyRequired: boolean): Finding[] {
  const at = (...keys: (string | number)[]): KeyPath => ['proxies', index, ...keys];
  const { scheme } = profile;
  if (scheme === undefined) return [];
  const notPac =
    scheme !== 'pac' && profile.pac !== undefined
      ? [warning(at('pac'), `pac is not used, because scheme is ${scheme}.`)]
      : [];
  switch (scheme) {
    case 'socks4':
    case 'socks4a':
    case 'socks5':
    case 'socks5h':
      return [...notPac, ...checkSocks(profile, scheme, at, proxyRequired)];
    case 'pac':
      return checkPac(profile, at);
    case 'environment':
      return [...notPac, ...checkEnvironment(profile, at)];
    case 'http':
    case 'https':
      return notPac;
  }
}

type At = (...keys: (string | number)[]) => KeyPath;

function checkSocks({ authentication }: SalvagedProfile, scheme: string, at: At, proxyRequired: boolean): Finding[] {
  const findings: Finding[] = [];
  if (authentication !== undefined && authentication !== 'transparent' && authentication !== 'basic') {
    const message = `${scheme} supports only transparent and basic (user and password).`;
    findings.push(error(at('authentication'), message, authentication));
  }
  if (proxyRequired && (scheme === 'socks4' || scheme === 'socks5')) {
    const named = scheme === 'socks4' ? 'socks4a' : 'socks5h';
    const message = `proxy_required is true, but ${scheme} resolves the names of targets on this host. Write ${named}.`;
    findings.push(error(at('scheme'), message, scheme));
  }
  return findings;
}

function checkPac(profile: SalvagedProfile, at: At): Finding[] {
  const { pac, authentication } = profile;
  if (pac === undefined)
    return [error(at('pac'), 'scheme is pac, which requires pac: {url: ...} or {file: ...}.', 'nothing')];
  const findings: Finding[] = [];
  if ((pac.url === undefined) === (pac.file === undefined)) {
    const message = pac.url === undefined ? 'Set url or file.' : 'Set either url or file, not both.';
    findings.push(error(at('pac'), message));
  }
  const trusted = pac.credentials_for;
  if (trusted === undefined && authentication !== undefined && authentication !== 'transparent') {
    const message =
      'The credentials are not sent to any proxy that the PAC file selects. List the proxies that may receive them in pac.credentials_for.';
    findings.push(warning(at('authentication'), message, authentication));
  }
  if (trusted !== undefined && tokensOf(trusted).includes('*')) {
    const message =
      'With *, the credentials are sent to every proxy that the PAC file selects. List the proxies by name.';
    findings.push(warning(at('pac', 'credentials_for'), message, trusted));
  }
  return findings;
}

/** A variable has the user and password of its proxy. Those of the profile would go to any proxy that it names. */
function checkEnvironment(profile: SalvagedProfile, at: At): Finding[] {
  const unused = (['user', 'password', 'domain'] as const).filter((key) => (profile[key] ?? '') !== '');
  const message =
    'is not used, because scheme is environment: the variables contain the user and password of their proxies.';
  return unused.map((key) => warning(at(key), `The ${key} ${message}`));
}
