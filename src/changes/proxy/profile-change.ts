// Builds the changes of proxy profiles for the commands, the menu and the console. Pure: takes settings and values, and
// returns the change.
//
// Guarantees: the same values give the same change, whether they were entered by flags, questions, the menu or a page.

import type { Change } from '#config/editing/apply-change.ts';
import type { Edit } from '#config/editing/edit.ts';
import { addProfile, changeProfile, type FieldChange, type ListedSettings } from '#config/editing/profile-edits.ts';
import type { Settings } from '#config/settings.ts';
import type { Secret } from '#redaction/secret.ts';
import type { ProfileFacts, ProxyFacts } from './facts.ts';

/** Where a profile sends its password. */
interface Place {
  readonly scheme: string;
  readonly address?: string | null | undefined;
  readonly port: number;
}

/** Whether the stored password would be sent to a different server. */
export function isElsewhere(before: Place, after: Place): boolean {
  const place = ({ scheme, address, port }: Place) => `${scheme}|${String(address ?? '').toLowerCase()}|${port}`;
  return place(before) !== place(after);
}

/** The edits together with a password that was entered for this profile. `index` is that of the profile after them. */
export function changeWith(made: {
  readonly edits: readonly Edit[];
  readonly password: Secret | null;
  readonly name: string;
  readonly index: number;
}): Change {
  const { edits, password, name, index } = made;
  return password === null
    ? { edits }
    : { edits, secret: { name, path: ['proxies', index, 'password'], value: password } };
}

/** The edits that switch the use of proxies on or off. None if that is so already. */
export function switchEdits({ proxy_enabled: before }: Pick<Settings, 'proxy_enabled'>, enabled: boolean): Edit[] {
  return before === enabled ? [] : [{ kind: 'set', path: 'proxy_enabled', value: enabled }];
}

/** The name of the profile that the menu makes if there is no default. */
const OWN_NAME = 'appliance';

/** The profile that the menu edits: the default, else the one that the menu made; null if neither exists. */
export function editedProfile({ proxies }: Pick<ProxyFacts, 'proxies'>): ProfileFacts | null {
  return proxies.find((one) => one.default) ?? proxies.find((one) => one.name.toLowerCase() === OWN_NAME) ?? null;
}

/** New values of the profile; undefined for a value that stays. */
export interface ProfileValues {
  readonly address?: string | undefined;
  readonly port?: number | undefined;
  /** With its domain, as `DOMAIN\user`, unless `domain` is given; empty for no authentication. */
  readonly user?: string | undefined;
  /** Empty removes the stored domain. */
  readonly domain?: string | undefined;
  /** Null removes the stored password. */
  readonly password?: Secret | null | undefined;
  /** Instead of `auto`: the proxy offers only Basic, and the user accepted that. */
  readonly authentication?: 'basic' | undefined;
}

/** The change that makes the profile use these values, and switches the use of proxies on. */
export function enableChange(facts: ProxyFacts, values: ProfileValues): Change {
  const { edits, ...change } = valuesChange(facts, values);
  return { ...change, edits: [...edits, ...switchEdits(facts, true)] };
}

/** The change that makes the edited profile the default with these values. A new profile is added if there is none. */
export function valuesChange(facts: ProxyFacts, values: ProfileValues): Change {
  const profile = editedProfile(facts);
  const changes = fieldChanges(profile, values);
  const password = values.password ?? null;
  const settings: ListedSettings<ProfileFacts> = facts;
  if (profile === null) {
    const edits = addProfile(settings, { name: OWN_NAME, changes, isDefault: true });
    return changeWith({ edits, password, name: OWN_NAME, index: facts.proxies.length });
  }
  const edits = changeProfile(settings, profile.name, { changes, isDefault: !profile.default });
  const index = facts.proxies.indexOf(profile);
  return changeWith({ edits, password, name: profile.name, index });
}

/** The change that switches the use of proxies off. The profiles stay. */
export function disableChange(facts: ProxyFacts): Change {
  return { edits: switchEdits(facts, false) };
}

/** In the order of the schema, as the flags of `proxy change` give them. */
function fieldChanges(profile: ProfileFacts | null, values: ProfileValues): FieldChange[] {
  const { address, port } = values;
  const authentication = authenticationOf(profile, values);
  return [
    ...(address === undefined ? [] : [{ path: ['address'], value: address }]),
    ...(port === undefined ? [] : [{ path: ['port'], value: port }]),
    ...(authentication === undefined ? [] : [{ path: ['authentication'], value: authentication }]),
    ...accountChanges(profile, values),
    ...(values.password === null && profile?.has_password === true ? [{ path: ['password'], value: undefined }] : []),
  ];
}

function accountChanges(profile: ProfileFacts | null, { user, domain: own }: ProfileValues): FieldChange[] {
  // Without a field for the domain, a new user is entered together with it.
  const removed = profile?.domain == null ? [] : [{ path: ['domain'], value: undefined }];
  const kept = user === undefined ? [] : removed;
  const entered = own === '' ? removed : [{ path: ['domain'], value: own }];
  const changed = own === profile?.domain ? [] : entered;
  const domain = own === undefined ? kept : changed;
  if (user === undefined) return domain;
  if (user !== '') return [...domain, { path: ['user'], value: user }];
  return profile?.user == null ? domain : [...domain, { path: ['user'], value: undefined }];
}

/**
 * A proxy that needs no user is `transparent`, and a user makes `auto`. A password that was accepted as readable at one
 * server was not accepted so at another one. Undefined if the present value stays.
 */
function authenticationOf(profile: ProfileFacts | null, values: ProfileValues): string | undefined {
  const before = profile?.authentication ?? 'transparent';
  const wanted = values.authentication ?? wantedAuthentication(profile, values);
  return wanted === before ? undefined : wanted;
}

function wantedAuthentication(profile: ProfileFacts | null, { address, port, user }: ProfileValues): string {
  const before = profile?.authentication ?? 'transparent';
  if (user === '') return 'transparent';
  const hasUser = (user ?? profile?.user ?? '') !== '';
  const isElsewhere = address !== undefined || port !== undefined;
  const isFirstUser = user !== undefined && (before === 'transparent' || before === 'negotiate');
  if (!hasUser || !(isElsewhere || isFirstUser)) return before;
  // SOCKS has only user and password (RFC 1929).
  return profile?.scheme.startsWith('socks') === true ? 'basic' : 'auto';
}
