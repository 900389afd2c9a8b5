// Computes the edits of the configuration file that add, change or delete a profile, make it the default, or set the
// route of a purpose. Pure: takes settings and returns edits.
//
// Guarantees: after the edits, at most one profile is the default. The first profile of an empty list becomes the
// default. To delete a profile that is in use, the caller must say what replaces it. Other keys stay the same.

import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import { suggest } from '#config/values/suggest.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Edit } from './edit.ts';
import type { Plain } from './edit-render.ts';

type Profile = Settings['proxies'][number];
type ProfileSettings = Pick<Settings, 'proxies' | 'use_proxy_for' | 'proxy_enabled'>;

/** The fields of a profile that its edits depend on. */
type ListedProfile = Pick<Profile, 'name' | 'default'>;

/** Settings whose profiles have at least these fields. A caller that cannot read the file has no more of them. */
export interface ListedSettings<P extends ListedProfile = ListedProfile> {
  readonly proxies: readonly P[];
  readonly use_proxy_for: Settings['use_proxy_for'];
}

/** A new value for a field of a profile; undefined removes the field. */
export interface FieldChange {
  readonly path: readonly string[];
  readonly value: Plain | undefined;
}

/** The profile with this name, ignoring case. @throws CodedError PROFILE-UNKNOWN */
export function findProfile<P extends ListedProfile>(
  { proxies }: { readonly proxies: readonly P[] },
  name: string,
): { profile: P; index: number } {
  const index = proxies.findIndex((one) => one.name.toLowerCase() === name.toLowerCase());
  const profile = proxies[index];
  if (profile !== undefined) return { profile, index };
  const names = proxies.map((one) => one.name);
  const meant = suggest(name, names);
  throw coded('PROFILE-UNKNOWN', { name, known: namesOf(proxies), ...(meant === undefined ? {} : { meant }) });
}

/** The error for a request for the default profile if there is none. */
export function noDefault({ proxies }: { readonly proxies: readonly ListedProfile[] }): CodedError {
  return coded('PROFILE-NO-DEFAULT', { known: namesOf(proxies) });
}

function namesOf(proxies: readonly ListedProfile[]): string {
  return proxies.length === 0 ? 'none' : proxies.map((one) => one.name).join(', ');
}

/** Adds a profile at the end. @throws CodedError PROFILE-EXISTS */
export function addProfile(
  settings: ListedSettings,
  added: { readonly name: string; readonly changes: readonly FieldChange[]; readonly isDefault: boolean },
): Edit[] {
  const { proxies } = settings;
  refuseTaken(settings, added.name);
  const isDefault = added.isDefault || proxies.length === 0;
  const fields = added.changes.reduce<Record<string, Plain>>(withField, { name: added.name });
  const value = isDefault ? { ...fields, default: true } : fields;
  return [...(isDefault ? unsetDefault(settings) : []), { kind: 'append', path: ['proxies'], value }];
}

/** Changes a profile. Keys that refer to it get its new name. @throws CodedError PROFILE-UNKNOWN, PROFILE-EXISTS */
export function changeProfile(
  settings: ListedSettings,
  name: string,
  to: { readonly changes: readonly FieldChange[]; readonly name?: string | undefined; readonly isDefault: boolean },
): Edit[] {
  const { profile, index } = findProfile(settings, name);
  const at = ['proxies', index] as const;
  const edits = to.changes.map(({ path, value }): Edit => {
    const whole = [...at, ...path];
    return value === undefined ? { kind: 'remove', path: whole } : { kind: 'set', path: whole, value };
  });
  if (to.isDefault) edits.push(...makeDefault(settings, profile.name));
  const renamed = to.name;
  if (renamed === undefined || renamed === profile.name) return edits;
  refuseTaken(settings, renamed, profile);
  edits.push({ kind: 'set', path: [...at, 'name'], value: renamed });
  for (const user of namedUsers(settings, profile.name)) edits.push({ kind: 'set', path: user.path, value: renamed });
  return edits;
}

/** Makes this profile the only default. @throws CodedError PROFILE-UNKNOWN */
export function makeDefault(settings: ListedSettings, name: string): Edit[] {
  const { profile, index } = findProfile(settings, name);
  if (profile.default) return [];
  return [...unsetDefault(settings), { kind: 'set', path: ['proxies', index, 'default'], value: true }];
}

/** A use of a profile by a purpose or by another profile. */
export interface ProfileUser {
  /** Path of the key in the file. */
  readonly path: readonly (string | number)[];
  /** In words, such as `updates` or `the fallback of corp`. */
  readonly user: string;
  /** Whether it uses the profile by name or because it is the default. */
  readonly by: 'name' | 'default';
}

/** All purposes and profiles that deleting the profile would affect. */
export function usersOf(settings: ProfileSettings, name: string): ProfileUser[] {
  const { profile } = findProfile(settings, name);
  const byDefault = PURPOSES.filter((purpose) => profile.default && settings.use_proxy_for[purpose] === 'default');
  return [
    ...namedUsers(settings, profile.name),
    ...byDefault.map((purpose) => ({ path: ['use_proxy_for', purpose], user: purpose, by: 'default' as const })),
  ];
}

/** What the users of a profile use instead when it is deleted. */
export interface RoutesWithout {
  /** The profile that becomes the default if the deleted one was; null for none. */
  readonly newDefault: string | null;
  /** The new value of `use_proxy_for` for each purpose whose value changes. */
  readonly purposes: Readonly<Partial<Record<Purpose, string>>>;
}

/**
 * What the users of a deleted profile use instead. Purposes that use it by name get `default` if a default remains, and
 * users of the default get its successor. If neither is left, they connect directly, which is written as `none`.
 */
export function routesWithout(settings: ProfileSettings, name: string, successor: string | null): RoutesWithout {
  const { profile } = findProfile(settings, name);
  const newDefault = profile.default ? successor : null;
  const hasDefault = newDefault !== null || settings.proxies.some((one) => one.default && one !== profile);
  const users = PURPOSES.filter((purpose) => {
    const use = settings.use_proxy_for[purpose];
    return use === profile.name || (use === 'default' && !hasDefault);
  });
  return {
    newDefault,
    purposes: Object.fromEntries(users.map((purpose) => [purpose, hasDefault ? 'default' : 'none'])),
  };
}

/** Deletes a profile. @throws CodedError PROFILE-UNKNOWN; PROFILE-IN-USE if it has users and `routes` is null */
export function deleteProfile(settings: ProfileSettings, name: string, routes: RoutesWithout | null): Edit[] {
  const { profile, index } = findProfile(settings, name);
  const users = usersOf(settings, name);
  if (routes === null && users.length > 0) {
    throw coded('PROFILE-IN-USE', { name: profile.name, users: users.map(({ user }) => user).join(', ') });
  }
  const edits: Edit[] = Object.entries(routes?.purposes ?? {}).map(([purpose, use]) => ({
    kind: 'set',
    path: ['use_proxy_for', purpose],
    value: use,
  }));
  if (routes?.newDefault != null) edits.push(...makeDefault(settings, routes.newDefault));
  edits.push(...withoutFallbacks(settings, profile.name), { kind: 'remove', path: ['proxies', index] });
  return edits;
}

/** The route of a purpose: `none`, `default`, or the name of a profile. @throws CodedError PROFILE-UNKNOWN */
export function setRoute(settings: ProfileSettings, purpose: Purpose, use: string): Edit[] {
  const folded = use.toLowerCase();
  const value = folded === 'none' || folded === 'default' ? folded : findProfile(settings, use).profile.name;
  return [{ kind: 'set', path: ['use_proxy_for', purpose], value }];
}

function refuseTaken({ proxies }: ListedSettings, name: string, own?: ListedProfile): void {
  const taken = proxies.find((one) => one !== own && one.name.toLowerCase() === name.toLowerCase());
  if (taken !== undefined) throw coded('PROFILE-EXISTS', { name: taken.name });
}

function unsetDefault({ proxies }: ListedSettings): Edit[] {
  return proxies.flatMap((one, index) =>
    one.default ? [{ kind: 'set', path: ['proxies', index, 'default'], value: false } as const] : [],
  );
}

function withField(fields: Record<string, Plain>, { path, value }: FieldChange): Record<string, Plain> {
  const [step, ...deeper] = path;
  if (step === undefined || value === undefined) return fields;
  const inner = (fields[step] ?? {}) as Record<string, Plain>;
  return { ...fields, [step]: deeper.length === 0 ? value : withField(inner, { path: deeper, value }) };
}

/** The keys that contain the name of the profile. */
function namedUsers(settings: ListedSettings, name: string): ProfileUser[] {
  const purposes = PURPOSES.filter((purpose) => settings.use_proxy_for[purpose] === name);
  const fallbacks = settings.proxies.flatMap((one, index) =>
    fallbackOf(one).flatMap((other, place) =>
      other === name ? [{ path: ['proxies', index, 'fallback', place], user: `the fallback of ${one.name}` }] : [],
    ),
  );
  return [
    ...purposes.map((purpose) => ({ path: ['use_proxy_for', purpose], user: purpose, by: 'name' as const })),
    ...fallbacks.map((user) => ({ ...user, by: 'name' as const })),
  ];
}

function withoutFallbacks({ proxies }: ProfileSettings, name: string): Edit[] {
  return proxies.flatMap((one, index): Edit[] => {
    const left = fallbackOf(one).filter((other) => other !== name);
    if (left.length === fallbackOf(one).length) return [];
    const path = ['proxies', index, 'fallback'];
    return left.length === 0 ? [{ kind: 'remove', path }] : [{ kind: 'set', path, value: left }];
  });
}

/** The fallbacks of a profile; empty if the schema has no such key. */
function fallbackOf(profile: ListedProfile): readonly string[] {
  return (profile as { readonly fallback?: readonly string[] }).fallback ?? [];
}
