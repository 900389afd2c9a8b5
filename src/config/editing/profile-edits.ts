// What changes in the configuration file when a profile is added, changed, deleted or made the default, and when a
// purpose gets another route. Pure: settings in, edits out.
//
// Guarantees: at most one profile is the default after any of it, by the same write; the first profile is; none that is
// in use is deleted without saying what its users fall to; keys that nobody named stay as they are.

import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import { suggest } from '#config/values/suggest.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Edit } from './edit.ts';
import type { Plain } from './edit-render.ts';

type Profile = Settings['proxies'][number];
type ProfileSettings = Pick<Settings, 'proxies' | 'use_proxy_for' | 'proxy_enabled'>;

/** A field of a profile by its path; undefined takes it out. */
export interface FieldChange {
  readonly path: readonly string[];
  readonly value: Plain | undefined;
}

/** The profile of this name, whatever its case. @throws CodedError PROFILE-UNKNOWN */
export function findProfile({ proxies }: Pick<Settings, 'proxies'>, name: string): { profile: Profile; index: number } {
  const index = proxies.findIndex((one) => one.name.toLowerCase() === name.toLowerCase());
  const profile = proxies[index];
  if (profile !== undefined) return { profile, index };
  const names = proxies.map((one) => one.name);
  const meant = suggest(name, names);
  throw coded('PROFILE-UNKNOWN', { name, known: namesOf(proxies), ...(meant === undefined ? {} : { meant }) });
}

/** For whoever asks for the default profile where there is none. */
export function noDefault({ proxies }: Pick<Settings, 'proxies'>): CodedError {
  return coded('PROFILE-NO-DEFAULT', { known: namesOf(proxies) });
}

function namesOf(proxies: readonly Profile[]): string {
  return proxies.length === 0 ? 'none' : proxies.map((one) => one.name).join(', ');
}

/** A profile more, at the end. @throws CodedError PROFILE-EXISTS */
export function addProfile(
  settings: ProfileSettings,
  added: { readonly name: string; readonly changes: readonly FieldChange[]; readonly isDefault: boolean },
): Edit[] {
  const { proxies } = settings;
  refuseTaken(settings, added.name);
  const isDefault = added.isDefault || proxies.length === 0;
  const fields = added.changes.reduce<Record<string, Plain>>(withField, { name: added.name });
  const value = isDefault ? { ...fields, default: true } : fields;
  return [...(isDefault ? unsetDefault(settings) : []), { kind: 'append', path: ['proxies'], value }];
}

/** Other values in a profile; a new name goes to all who use it. @throws CodedError PROFILE-UNKNOWN, PROFILE-EXISTS */
export function changeProfile(
  settings: ProfileSettings,
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

/** The one default. @throws CodedError PROFILE-UNKNOWN */
export function makeDefault(settings: ProfileSettings, name: string): Edit[] {
  const { profile, index } = findProfile(settings, name);
  if (profile.default) return [];
  return [...unsetDefault(settings), { kind: 'set', path: ['proxies', index, 'default'], value: true }];
}

/** Who uses a profile. */
export interface ProfileUser {
  /** Key of the file, in steps. */
  readonly path: readonly (string | number)[];
  /** In words, such as `updates` or `the fallback of corp`. */
  readonly user: string;
  /** By its name, or because it is the default. */
  readonly by: 'name' | 'default';
}

/** Everybody who would notice that the profile is gone. */
export function usersOf(settings: ProfileSettings, name: string): ProfileUser[] {
  const { profile } = findProfile(settings, name);
  const byDefault = PURPOSES.filter((purpose) => profile.default && settings.use_proxy_for[purpose] === 'default');
  return [
    ...namedUsers(settings, profile.name),
    ...byDefault.map((purpose) => ({ path: ['use_proxy_for', purpose], user: purpose, by: 'default' as const })),
  ];
}

/** What the users of a profile fall to when it is deleted. */
export interface Fall {
  /** The profile that becomes the default where the deleted one was; null for none. */
  readonly newDefault: string | null;
  /** What each purpose that used it says from then on; absent for one that says what it said. */
  readonly purposes: Readonly<Partial<Record<Purpose, string>>>;
}

/**
 * What is left for the users when the profile goes: those that named it fall to the default where there is one, those
 * of the default to its successor, and what neither is left for goes direct, which is written down as `none`.
 */
export function fallOf(settings: ProfileSettings, name: string, successor: string | null): Fall {
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

/** Takes a profile out. @throws CodedError PROFILE-UNKNOWN, PROFILE-IN-USE where it is and nothing is said of its users */
export function deleteProfile(settings: ProfileSettings, name: string, fall: Fall | null): Edit[] {
  const { profile, index } = findProfile(settings, name);
  const users = usersOf(settings, name);
  if (fall === null && users.length > 0) {
    throw coded('PROFILE-IN-USE', { name: profile.name, users: users.map(({ user }) => user).join(', ') });
  }
  const edits: Edit[] = Object.entries(fall?.purposes ?? {}).map(([purpose, use]) => ({
    kind: 'set',
    path: ['use_proxy_for', purpose],
    value: use,
  }));
  if (fall?.newDefault != null) edits.push(...makeDefault(settings, fall.newDefault));
  edits.push(...withoutFallbacks(settings, profile.name), { kind: 'remove', path: ['proxies', index] });
  return edits;
}

/** The route of a purpose: `none`, `default`, or the name of a profile. @throws CodedError PROFILE-UNKNOWN */
export function setRoute(settings: ProfileSettings, purpose: Purpose, use: string): Edit[] {
  const folded = use.toLowerCase();
  const value = folded === 'none' || folded === 'default' ? folded : findProfile(settings, use).profile.name;
  return [{ kind: 'set', path: ['use_proxy_for', purpose], value }];
}

function refuseTaken({ proxies }: ProfileSettings, name: string, own?: Profile): void {
  const taken = proxies.find((one) => one !== own && one.name.toLowerCase() === name.toLowerCase());
  if (taken !== undefined) throw coded('PROFILE-EXISTS', { name: taken.name });
}

function unsetDefault({ proxies }: ProfileSettings): Edit[] {
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

/** Keys that hold the name of the profile. */
function namedUsers(settings: ProfileSettings, name: string): ProfileUser[] {
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

/** Absent in a schema that does not know it yet. */
function fallbackOf(profile: Profile): readonly string[] {
  return (profile as { readonly fallback?: readonly string[] }).fallback ?? [];
}
