// What must hold between keys: proxies and the purposes that use them, the policy, credentials, URLs. Pure.
//
// The rules work on what is valid so far, so that all mistakes come in one go; a part that is not valid is absent here
// and its rules are silent. Secrets are not resolved yet and not looked at, but for whether there is one.

import { coded } from '#errors/coded-error.ts';
import type { Finding, KeyPath } from './problem.ts';
import type { FileSettings } from './schema/settings.ts';
import { isLoopbackUrl } from './schema/values.ts';
import { suggest } from './suggest.ts';

type DeepPartial<T> = T extends readonly (infer Element)[]
  ? (DeepPartial<Element> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> | undefined }
    : T;

/** The settings as far as they are valid. */
export type Salvaged = DeepPartial<FileSettings>;

type SalvagedProfile = NonNullable<NonNullable<Salvaged['proxies']>[number]>;

/** Every rule between keys, in the order of the file. */
export function crossCheck(settings: Salvaged): Finding[] {
  return [
    ...checkFeed(settings),
    ...checkHook(settings),
    ...checkCredentials(settings),
    ...checkNames(settings),
    ...checkDefaults(settings),
    ...(settings.proxies ?? []).flatMap((profile, index) =>
      profile === undefined ? [] : checkProfile(profile, index),
    ),
    ...checkPurposes(settings),
    ...checkPolicy(settings),
  ];
}

function checkFeed({ updates }: Salvaged): Finding[] {
  const feed = updates?.feed_url;
  if (feed === undefined || !URL.canParse(feed)) return [];
  const url = new URL(feed);
  if (url.protocol === 'https:' || isLoopbackUrl(url)) return [];
  const message = 'An unsigned feed is not taken over http: anybody on the way could change it. Use https.';
  return [warning(['updates', 'feed_url'], message, url.origin)];
}

/** A hook that can never run is no mistake, but hardly what was meant. */
function checkHook({ updates }: Salvaged): Finding[] {
  if (updates?.on_published === undefined) return [];
  const { feed_url: feed, hook_trust: trust } = updates;
  const at: KeyPath = ['updates', 'on_published'];
  if (feed !== undefined && URL.canParse(feed) && isLoopbackUrl(new URL(feed)) && feed.startsWith('http:')) {
    return [{ ...warning(at, 'It is never run for a feed over http from this machine.'), at: 'key' }];
  }
  if (trust !== undefined) return [];
  const message =
    'It is run for signed feeds only, and this feed is not signed; hook_trust: tls lets it run over https.';
  return [{ ...warning(at, message), at: 'key' }];
}

function checkCredentials({ updates }: Salvaged): Finding[] {
  const names = Object.keys(updates?.headers ?? {});
  const findings = names.flatMap((name, index) => {
    const first = names.findIndex((other) => other.toLowerCase() === name.toLowerCase());
    return first === index
      ? []
      : [error(['updates', 'headers', name], `This header is ${names[first]} again; case does not count.`)];
  });
  const authorization = names.find((name) => name.toLowerCase() === 'authorization');
  if (updates?.bearer_token === undefined || authorization === undefined) return findings;
  const message = 'The bearer token is an Authorization header already; keep one of the two.';
  return [...findings, error(['updates', 'headers', authorization], message)];
}

function checkNames({ proxies = [] }: Salvaged): Finding[] {
  const folded = proxies.map((profile) => profile?.name?.toLowerCase());
  return proxies.flatMap((profile, index) => {
    const first = folded.indexOf(folded[index]);
    if (profile?.name === undefined || first === index) return [];
    const message = `proxies[${first}] has this name already; names are unique, and case does not count.`;
    return [error(['proxies', index, 'name'], message, profile.name)];
  });
}

function checkDefaults({ proxies = [] }: Salvaged): Finding[] {
  const first = proxies.findIndex((profile) => profile?.default === true);
  return proxies.flatMap((profile, index) => {
    if (profile?.default !== true || index === first) return [];
    return [error(['proxies', index, 'default'], `proxies[${first}] is the default already; at most one is.`)];
  });
}

function checkProfile(profile: SalvagedProfile, index: number): Finding[] {
  const at = (key: string): KeyPath => ['proxies', index, key];
  const findings: Finding[] = [];
  for (const key of ['user', 'domain'] as const) {
    // RFC 7617, 2: the first colon ends the user-id.
    if (profile[key]?.includes(':')) findings.push(error(at(key), `The ${key} has a colon; Basic cannot send it.`));
  }
  const { authentication } = profile;
  const hasUser = isSet(profile.user);
  const hasPassword = isSet(profile.password);
  if (profile.allow_cleartext === true && authentication !== undefined && authentication !== 'auto') {
    const message = `allow_cleartext is not used, because authentication is ${authentication}.`;
    findings.push(warning(at('allow_cleartext'), message));
  }
  if (authentication !== undefined && authentication !== 'transparent' && authentication !== 'negotiate') {
    const needs = `authentication is ${authentication}, which needs`;
    if (!hasUser) findings.push(error(at('user'), `${needs} a user.`, 'nothing'));
    if (!hasPassword) findings.push(error(at('password'), `${needs} a password.`, 'nothing'));
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

function isSet(value: unknown): boolean {
  return value !== undefined && value !== '';
}

function checkPurposes({ proxies = [], use_proxy_for: uses = {} }: Salvaged): Finding[] {
  const names = proxies.map((profile) => profile?.name);
  const known = names.filter((name) => name !== undefined);
  const findings = Object.entries(uses).flatMap(([purpose, use]) => {
    if (use === undefined || use === 'none' || use === 'default' || known.includes(use)) return [];
    // Where a name is not valid, it may be this one.
    return known.length < names.length ? [] : [unknownProfile(['use_proxy_for', purpose], use, known)];
  });
  // One that is not valid may be meant to be the default.
  const mayHaveDefault = proxies.length === 0 || proxies.some((profile) => profile?.default !== false);
  const wanting = Object.keys(uses).filter((purpose) => uses[purpose as keyof typeof uses] === 'default');
  if (mayHaveDefault || wanting.length === 0) return findings;
  const message =
    `None of these is the default, and use_proxy_for says default for ${wanting.join(', ')}. ` +
    'Give one of them default: true, or name a proxy there.';
  return [...findings, { ...error(['proxies'], message), at: 'key' }];
}

function unknownProfile(path: KeyPath, use: string, known: readonly string[]): Finding {
  const choices = ['none', 'default', ...known];
  const meant = suggest(use, choices);
  return {
    ...error(path, 'There is no proxy of this name.', use),
    allowed: choices.join(', '),
    ...(meant === undefined ? {} : { didYouMean: meant }),
  };
}

/** `proxy_required` makes every way of going direct a mistake; each is named by its rule. */
function checkPolicy(settings: Salvaged): Finding[] {
  const { proxies, proxy_enabled: enabled, proxy_required: required, use_proxy_for: uses = {} } = settings;
  if (required !== true) return [];
  if (enabled === false) return [direct(['proxy_enabled'], 'proxy_enabled is false', 'every purpose')];
  if (proxies?.length === 0) return [direct(['proxies'], 'no proxies are configured', 'every purpose')];
  return Object.entries(uses)
    .filter(([, use]) => use === 'none')
    .map(([purpose]) => direct(['use_proxy_for', purpose], `use_proxy_for.${purpose} is none`, purpose));
}

function direct(path: KeyPath, rule: string, purpose: string): Finding {
  const facts = { rule, purpose, why: 'proxy_required is true', otherwise: 'have proxy_required changed by root' };
  const { safeText } = coded('POLICY-DIRECT', { target: purpose, ...facts });
  return { ...error(path, safeText), direct: facts };
}

function error(path: KeyPath, message: string, found = ''): Finding {
  return { path, severity: 'error', at: 'value', found, allowed: '', message };
}

function warning(path: KeyPath, message: string, found = ''): Finding {
  return { ...error(path, message, found), severity: 'warning' };
}
