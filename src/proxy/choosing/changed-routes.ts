// Lists the purposes whose route differs between two versions of the settings. Pure.
//
// The comparison covers the profile of a purpose with all its keys, and the profiles that may replace it for some
// target, in their order (`possibleFallbacks`). The names of profiles are not compared. A purpose whose profile does
// not exist counts as changed. Secrets are compared, never shown.

import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { Secret } from '#redaction/secret.ts';
import { choose, type ProxySettings, possibleFallbacks } from './choice.ts';

/** In hex digits. */
const IDENTITY_LENGTH = 16;

/** The purposes whose route differs, in the order of `PURPOSES`. */
export function changedRoutes(from: ProxySettings, to: ProxySettings): Purpose[] {
  return PURPOSES.filter((purpose) => !isSame(profilesOf(purpose, from), profilesOf(purpose, to)));
}

/** The purposes that use a proxy, in the order of `PURPOSES`. */
export function proxiedRoutes(settings: ProxySettings): Purpose[] {
  return PURPOSES.filter((purpose) => (profilesOf(purpose, settings) ?? []).length > 0);
}

/**
 * Identifies the route of a purpose, also after a restart: what `changedRoutes` compares. A digest that can be stored.
 * Passwords are included only as `mark` returns them.
 */
export function routeIdentity(
  purpose: Purpose,
  settings: ProxySettings,
  mark: (password: string) => string | null = () => null,
): string {
  const profiles = profilesOf(purpose, settings)?.map((profile) => {
    const password = profile.password instanceof Secret ? mark(profile.password.reveal()) : null;
    const fields = Object.entries({ ...bare(profile), password }).filter(([, value]) => value !== undefined);
    return fields.toSorted(([one], [other]) => (one < other ? -1 : 1));
  });
  return createHash('sha256')
    .update(JSON.stringify(profiles ?? null))
    .digest('hex')
    .slice(0, IDENTITY_LENGTH);
}

/** The PAC files on this host that may choose the proxy of a purpose. */
export function pacFilesOf(purpose: Purpose, settings: ProxySettings): readonly string[] {
  return (profilesOf(purpose, settings) ?? []).flatMap(({ pac }) => pac?.file ?? []);
}

/** The chosen profile and all its possible fallbacks; null if the settings name no existing profile. */
function profilesOf(purpose: Purpose, settings: ProxySettings): readonly ProxyProfile[] | null {
  try {
    const { proxy } = choose(purpose, settings);
    if (proxy === null) return [];
    return [proxy, ...possibleFallbacks(proxy, settings.proxies).map(({ profile }) => profile)];
  } catch {
    return null;
  }
}

function isSame(one: readonly ProxyProfile[] | null, other: readonly ProxyProfile[] | null): boolean {
  if (one === null || other === null) return false;
  return one.length === other.length && one.every((profile, index) => isSameProfile(profile, other[index]));
}

function isSameProfile(one: ProxyProfile, other: ProxyProfile | undefined): boolean {
  if (other === undefined) return false;
  const [a, b] = [one.password, other.password];
  const isSameSecret = a instanceof Secret && b instanceof Secret ? a.equals(b) : a === b;
  return isSameSecret && isDeepStrictEqual(bare(one), bare(other));
}

/** The name, and whether it is the default, do not affect the route. */
function bare(profile: ProxyProfile) {
  return { ...profile, password: null, name: null, default: null, fallback: null };
}
