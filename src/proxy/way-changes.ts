// Which purposes other settings send another way. Pure.
//
// A way is the profile of a purpose with everything in it, and the profiles that stand in for it, in their order; what they
// are called is no matter. Settings that name no way are another way. Secrets are compared, never shown.

import { isDeepStrictEqual } from 'node:util';
import { PURPOSES, type Purpose } from '#config/purposes.ts';
import { Secret } from '#redaction/secret.ts';
import { choose, type ProxySettings } from './choice.ts';
import type { ProxyProfile } from './profile.ts';

/** The purposes whose way is another one, in the order of all purposes. */
export function changedWays(from: ProxySettings, to: ProxySettings): Purpose[] {
  return PURPOSES.filter((purpose) => !isSame(wayOf(purpose, from), wayOf(purpose, to)));
}

/** The chosen profile and every one that may stand in for it; null where the settings name none that exists. */
function wayOf(purpose: Purpose, settings: ProxySettings): readonly ProxyProfile[] | null {
  try {
    const { proxy } = choose(purpose, settings);
    return proxy === null ? [] : withFallbacks(proxy, settings.proxies);
  } catch {
    return null;
  }
}

function withFallbacks(chosen: ProxyProfile, proxies: readonly ProxyProfile[]): ProxyProfile[] {
  const found = [chosen];
  // The list grows while it is gone through.
  for (const { fallback } of found) {
    const more = proxies.filter((one) => fallback?.includes(one.name) === true && !found.includes(one));
    found.push(...more.toSorted((a, b) => (fallback?.indexOf(a.name) ?? 0) - (fallback?.indexOf(b.name) ?? 0)));
  }
  return found;
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
