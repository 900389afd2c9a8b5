// Checks the rules within and between proxy profiles: names, the default, addresses, accounts, fallbacks. Pure.

import type { Finding, KeyPath } from '#config/problem.ts';
import { suggest } from '#config/values/suggest.ts';
import { fillTemplate } from '#errors/template.ts';
import { checkKind } from './kind-rules.ts';
import { error, type Salvaged, warning } from './salvaged.ts';

type SalvagedProfile = NonNullable<NonNullable<Salvaged['proxies']>[number]>;

/** Every rule about profiles, in the order of the file. */
export function checkProfiles(settings: Salvaged): Finding[] {
  return [
    ...checkNames(settings),
    ...checkDefaults(settings),
    ...(settings.proxies ?? []).flatMap((profile, index) =>
      profile === undefined
        ? []
        : [...checkAddress(profile, index), ...checkTls(profile, index), ...checkAccount(profile, index)],
    ),
    ...(settings.proxies ?? []).flatMap((profile, index) =>
      profile === undefined ? [] : checkKind(profile, index, settings.proxy_required === true),
    ),
    ...checkFallbacks(settings),
  ];
}

function checkNames({ proxies = [] }: Salvaged): Finding[] {
  const folded = proxies.map((profile) => profile?.name?.toLowerCase());
  return proxies.flatMap((profile, index) => {
    const first = folded.indexOf(folded[index]);
    if (profile?.name === undefined || first === index) return [];
    const message = `proxies[${first}] already has this name. Names are unique and not case-sensitive.`;
    return [error(['proxies', index, 'name'], message, profile.name)];
  });
}

function checkDefaults({ proxies = [] }: Salvaged): Finding[] {
  const first = proxies.findIndex((profile) => profile?.default === true);
  return proxies.flatMap((profile, index) => {
    if (profile?.default !== true || index === first) return [];
    return [
      error(
        ['proxies', index, 'default'],
        `proxies[${first}] is already the default. At most one profile can be the default.`,
      ),
    ];
  });
}

function checkAccount(profile: SalvagedProfile, index: number): Finding[] {
  const at = (key: string): KeyPath => ['proxies', index, key];
  const findings: Finding[] = [];
  for (const key of ['user', 'domain'] as const) {
    // RFC 7617, 2: the first colon ends the user-id.
    if (profile[key]?.includes(':'))
      findings.push(error(at(key), `The ${key} contains a colon, which Basic authentication cannot send.`));
  }
  const { authentication } = profile;
  findings.push(...checkDomain(profile, index));
  const hasUser = isSet(profile.user);
  const hasPassword = isSet(profile.password);
  // The variables contain their own user and password; `checkKind` reports unused keys.
  if (profile.scheme === 'environment') return findings;
  if (profile.allow_cleartext === true && authentication !== undefined && authentication !== 'auto') {
    const message = `allow_cleartext is not used, because authentication is ${authentication}.`;
    findings.push(warning(at('allow_cleartext'), message));
  }
  if (authentication !== undefined && authentication !== 'transparent' && authentication !== 'negotiate') {
    const needs = `authentication is ${authentication}, which requires`;
    if (!hasUser) findings.push(error(at('user'), `${needs} a user.`, 'nothing'));
    const takesNone = profile.scheme === 'socks4' || profile.scheme === 'socks4a';
    if (!hasPassword && !takesNone) findings.push(error(at('password'), `${needs} a password.`, 'nothing'));
    if (hasPassword && takesNone)
      findings.push(warning(at('password'), 'The password is not used, because SOCKS 4 does not support passwords.'));
    return findings;
  }
  const unused = (
    [
      ['user', hasUser],
      ['password', hasPassword],
      ['domain', isSet(profile.domain)],
    ] as const
  ).find(([, set]) => set);
  if (unused === undefined || authentication === undefined) return findings;
  const why = hasUser ? `authentication is ${authentication}` : 'there is no user';
  return [...findings, warning(at(unused[0]), `The ${unused[0]} is not used, because ${why}.`)];
}

/** NTLM sends domain and user separately. With other authentication, both spellings give the same text. */
function checkDomain({ user, domain, authentication }: SalvagedProfile, index: number): Finding[] {
  const [, named = '', name = ''] = /^([^\\]+)\\([^\\]+)$/.exec(user ?? '') ?? [];
  if (name === '' || authentication === undefined || authentication === 'transparent') return [];
  const found = {
    ...(authentication === 'ntlm' ? error : warning)(
      ['proxies', index, 'user'],
      isSet(domain) ? 'The user contains a domain, but the key domain is also set.' : 'The user contains a domain.',
      user,
    ),
  };
  // In a plain scalar a backslash is an ordinary character.
  return [{ ...found, didYouMean: fillTemplate('domain: {named} and user: {name}', { named, name }) }];
}

function isSet(value: unknown): boolean {
  return value !== undefined && value !== '';
}

/** Schemes whose proxies come from another source. */
const WITHOUT_ADDRESS: readonly (string | undefined)[] = ['pac', 'environment'];

function checkAddress({ scheme, address }: SalvagedProfile, index: number): Finding[] {
  if (scheme === undefined) return [];
  const at: KeyPath = ['proxies', index, 'address'];
  if (WITHOUT_ADDRESS.includes(scheme)) {
    return address === undefined ? [] : [warning(at, `The address is not used, because scheme is ${scheme}.`)];
  }
  // An invalid address has already been reported.
  return address === undefined ? [error(at, `scheme is ${scheme}, which requires an address.`, 'nothing')] : [];
}

/** Trust in a proxy without TLS is probably not intended; TLS to the target has its own keys. */
function checkTls({ scheme, ...profile }: SalvagedProfile, index: number): Finding[] {
  if (scheme === undefined || scheme === 'https') return [];
  const unused = WITHOUT_ADDRESS.includes(scheme) ? [] : (['ca_file'] as const);
  return [...unused, 'client_certificate' as const].flatMap((key) => {
    if (profile[key] === undefined) return [];
    const message = `${key} is not used, because scheme is ${scheme}. For TLS to the update servers, set updates.${key}.`;
    return [{ ...warning(['proxies', index, key], message), at: 'key' }];
  });
}

/** A fallback must exist, must be another profile, and must not lead back to the first. */
function checkFallbacks({ proxies = [] }: Salvaged): Finding[] {
  const names = proxies.map((profile) => profile?.name);
  const known = names.filter((name) => name !== undefined);
  return proxies.flatMap((profile, index) =>
    (profile?.fallback ?? []).flatMap((name, place) => {
      const at: KeyPath = ['proxies', index, 'fallback', place];
      if (name === undefined) return [];
      if (name === profile?.name) return [error(at, 'A profile cannot be its own fallback.', name)];
      if (!known.includes(name)) return known.length < names.length ? [] : [unknown(at, name, known)];
      if (!reaches(proxies, name, profile?.name)) return [];
      return [
        error(at, `This fallback leads back to ${profile?.name ?? 'itself'}. Remove it from one of the lists.`, name),
      ];
    }),
  );
}

function unknown(at: KeyPath, name: string, known: readonly string[]): Finding {
  const meant = suggest(name, known);
  return {
    ...error(at, 'There is no proxy profile with this name.', name),
    allowed: known.join(', '),
    ...(meant === undefined ? {} : { didYouMean: meant }),
  };
}

/** Whether fallbacks lead from one profile to another, directly or through others. */
function reaches(proxies: NonNullable<Salvaged['proxies']>, from: string, to: string | undefined): boolean {
  const visited = new Set<string>();
  const queue = [from];
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    if (name === to) return true;
    if (visited.has(name)) continue;
    visited.add(name);
    const next = proxies.find((profile) => profile?.name === name)?.fallback ?? [];
    queue.push(...next.filter((other) => other !== undefined));
  }
  return false;
}
