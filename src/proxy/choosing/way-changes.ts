// Which purposes other settings send another way. Pure.
//
// A way is the profile of a purpose with everything in it, and the profiles that any target may be led to in its place, in
// their order (`candidateFallbacks`); what they are called is no matter. Settings that name no way are another way. Secrets
// are compared, never shown.

import { isDeepStrictEqual } from 'node:util';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { Secret } from '#redaction/secret.ts';
import { candidateFallbacks, choose, type ProxySettings } from './choice.ts';

/** The purposes whose way is another one, in the order of all purposes. */
export function changedWays(from: ProxySettings, to: ProxySettings): Purpose[] {
  return PURPOSES.filter((purpose) => !isSame(wayOf(purpose, from), wayOf(purpose, to)));
}

/** The chosen profile and every one that may stand in for it; null where the settings name none that exists. */
function wayOf(purpose: Purpose, settings: ProxySettings): readonly ProxyProfile[] | null {
  try {
    const { proxy } = choose(purpose, settings);
    if (proxy === null) return [];
    return [proxy, ...candidateFallbacks(proxy, settings.proxies).map(({ profile }) => profile)];
  } catch {
    return null;
  }
}

function isSame(one: readonly ProxyProfile[] | null, other: readonly ProxyProfile[] | null): boolean {
  if (one === null || other === null) return false;
  return one.length === other.length && one.every((profile, index) => isSameProfile(profile, other[index]));
}

/** Its name and whether it is the default say nothing of the way. */
function isSameProfile(one: ProxyProfile, other: ProxyProfile | undefined): boolean {
  if (other === undefined) return false;
  const [a, b] = [one.password, other.password];
  const isSameSecret = a instanceof Secret && b instanceof Secret ? a.equals(b) : a === b;
  const bare = (profile: ProxyProfile) => ({ ...profile, password: null, name: null, default: null, fallback: null });
  return isSameSecret && isDeepStrictEqual(bare(one), bare(other));
}
