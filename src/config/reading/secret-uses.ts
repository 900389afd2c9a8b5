// Lists the uses of secrets in a configuration, each with its source and its destination. This shows whether settings
// under test would use a secret in a way in which the active settings do not. Pure: no secret is read.
//
// A source is a file, a variable, a credential or a Kerberos ticket. A PAC file also counts, because an error can quote
// its text. The destination of a proxy secret is the proxy, its authentication and its trusted CAs. The destination of
// a token or header is the origin of the purpose's URL and its trusted CAs. Over plain http it also includes every
// proxy setting, because each proxy on the path can read the secret.

import { createHash } from 'node:crypto';
import { type Finding, type KeyPath, keyName } from '#config/problem.ts';
import { urlOf } from '#config/purpose-settings.ts';
import { isPurpose } from '#config/purposes.ts';
import type { Salvaged } from '#config/rules/salvaged.ts';
import { kindOf } from '#config/schema/key.ts';
import { settingsSchema } from '#config/schema/settings.ts';
import { mapLeaves } from '#config/tree.ts';

const TICKET = 'a Kerberos ticket';
const PROXY_VARIABLES = 'the proxy variables';

/** One use. Two uses are the same if all their texts are. */
export interface SecretUse {
  readonly path: KeyPath;
  /** The path as text, with the name of the profile in place of its index. */
  readonly key: string;
  readonly source: string;
  readonly destination: string;
  /** Whether it can be left out: authentication `auto` works without a ticket, and a variable need not have a user. */
  readonly isOptional: boolean;
}

/** The keys of files whose content could leak to the author of the configuration. Certificates are public. */
const QUOTABLE: ReadonlySet<string> = new Set(['key_file', 'file']);

type Profile = NonNullable<NonNullable<Salvaged['proxies']>[number]>;

/** Every use by reference. Values in the text itself are not references. */
export function secretUses(settings: Salvaged): SecretUse[] {
  const uses: SecretUse[] = [];
  mapLeaves(settingsSchema, settings, (leaf, schema, path) => {
    const isReference = kindOf(schema) === 'secret' && typeof leaf === 'object';
    if (isReference || (kindOf(schema) === 'file' && QUOTABLE.has(String(path.at(-1)))))
      uses.push(useOf(settings, path, leaf));
    return leaf;
  });
  for (const [index, profile] of (settings.proxies ?? []).entries()) {
    if (profile?.scheme === 'environment') {
      uses.push({ ...useOf(settings, ['proxies', index, 'scheme'], PROXY_VARIABLES), isOptional: true });
    }
    if (profile?.authentication !== 'negotiate' && profile?.authentication !== 'auto') continue;
    const use = useOf(settings, ['proxies', index, 'authentication'], TICKET);
    uses.push({ ...use, isOptional: profile.authentication === 'auto' });
  }
  return uses;
}

/** Every secret whose value is in the text itself. The source is a digest of the value. */
export function inlineUses(settings: Salvaged): SecretUse[] {
  const uses: SecretUse[] = [];
  mapLeaves(settingsSchema, settings, (leaf, schema, path) => {
    if (kindOf(schema) === 'secret' && typeof leaf === 'string') uses.push(useOf(settings, path, inlineSource(leaf)));
    return leaf;
  });
  return uses;
}

/**
 * The uses of secrets that have another source or destination after a change, and whose value the caller did not give.
 * Renaming or reordering profiles does not count. `given` are the keys whose values came with the request. Tickets are
 * included: authentication `auto` uses one once it is in the file, although a trial works without it. On a host without
 * Kerberos, `auto` is allowed with a password for this proxy in the request. With Kerberos it is not: the caller chooses
 * the host, so it could pass the ticket on to another service of that host.
 */
export function movedUses(
  before: readonly SecretUse[],
  after: readonly SecretUse[],
  { given, hasKerberos }: { readonly given: ReadonlySet<string>; readonly hasKerberos: boolean },
): SecretUse[] {
  const known = new Set(before.map(placeOfUse));
  const counts = (use: SecretUse) => !use.isOptional || usesTicket(use);
  return after.filter((use) => counts(use) && !known.has(placeOfUse(use)) && !isGiven(use, given, hasKerberos));
}

function isGiven(use: SecretUse, given: ReadonlySet<string>, hasKerberos: boolean): boolean {
  if (given.has(keyName(use.path))) return true;
  return (
    !hasKerberos && usesTicket(use) && use.isOptional && given.has(keyName([...use.path.slice(0, -1), 'password']))
  );
}

function placeOfUse({ path, source, destination }: SecretUse): string {
  return JSON.stringify([path[0] === 'proxies' ? ['proxies', ...path.slice(2)] : path, source, destination]);
}

function inlineSource(value: string): string {
  return `sha256:${createHash('sha256').update(value).digest('hex')}`;
}

/** The uses that are not in `current`. */
export function newUses(uses: readonly SecretUse[], current: readonly SecretUse[]): SecretUse[] {
  const known = new Set(current.map(identityOf));
  return uses.filter((use) => !known.has(identityOf(use)));
}

export const usesTicket = ({ source }: SecretUse): boolean => source === JSON.stringify(TICKET);
export const usesProxyVariables = ({ source }: SecretUse): boolean => source === JSON.stringify(PROXY_VARIABLES);

/** The errors of settings that may use secrets only as the active settings do: one for each other use. */
export function refuseNewUses(uses: readonly SecretUse[], current: readonly SecretUse[]): Finding[] {
  const refused = newUses(uses, current).filter(({ isOptional }) => !isOptional);
  return refused.map(({ path, key }) => ({
    path,
    severity: 'error',
    at: 'key',
    found: '',
    allowed: '',
    refusedSecret: key,
    message:
      'A test may use a secret of a file, variable or credential only as the active settings do: from the same source, for the same destination.',
  }));
}

function identityOf({ key, source, destination }: SecretUse): string {
  return JSON.stringify([key, source, destination]);
}

function useOf(settings: Salvaged, path: KeyPath, source: unknown): SecretUse {
  const [section, index, ...rest] = path;
  const profile = section === 'proxies' && typeof index === 'number' ? settings.proxies?.[index] : undefined;
  const key = profile === undefined ? path.join('.') : ['proxies', profile.name ?? index, ...rest].join('.');
  const destination = profile === undefined ? originDestination(settings, section) : proxyDestination(profile);
  return { path, key, source: JSON.stringify(source), destination: JSON.stringify(destination), isOptional: false };
}

function proxyDestination(profile: Profile): unknown {
  const { scheme, address, port, pac, authentication, allow_cleartext, ca_file, client_certificate } = profile;
  return [
    scheme,
    address,
    port,
    [pac?.url, pac?.file, pac?.credentials_for],
    authentication,
    allow_cleartext,
    ca_file,
    certificateFiles(client_certificate),
  ];
}

/** @param section the section of a purpose; any other section with a secret has no URL, so only proxy settings count */
function originDestination(settings: Salvaged, section: string | number | undefined): unknown {
  // The PIN of the menu never leaves this host.
  if (section === 'menu') return [null];
  if (!isPurpose(section)) return [null, proxySettings(settings)];
  const chosen = settings[section] ?? {};
  const { ca_file: caFile, pins, client_certificate: client } = settings[section] ?? {};
  const opened =
    'allow_interception_by' in chosen ? [chosen.allow_interception_by, chosen.send_tokens_when_intercepted] : [];
  const url = URL.parse(urlOf(settings, section) ?? '');
  const trust = [url?.origin, caFile, pins, certificateFiles(client), ...opened];
  return url?.protocol === 'https:' || url?.protocol === 'wss:' ? trust : [trust, proxySettings(settings)];
}

/** Everything that decides which proxies a plain request goes through, without secrets. */
function proxySettings({ proxies, use_proxy_for: uses, proxy_enabled: enabled, proxy_required: required }: Salvaged) {
  const profiles = (proxies ?? []).map((profile) => ({ ...profile, password: null, client_certificate: null }));
  return [profiles, uses, enabled, required];
}

function certificateFiles(client: Profile['client_certificate']): unknown {
  return [client?.certificate_file, client?.key_file];
}
