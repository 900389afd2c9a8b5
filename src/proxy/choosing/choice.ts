// Chooses the proxy of a purpose, with reasons, from the settings alone (principle 2).
//
// Guarantees: a choice always has its reasons, and each reason names the setting that decided. A direct connection is
// never chosen by default (principle 7). If the settings are not sufficient for a choice, there is an error that names
// the key.

import type { Purpose } from '#config/purposes.ts';
import { matchNoProxy } from '#config/values/no-proxy.ts';
import { coded } from '#errors/coded-error.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { decidingText, directRemedy, type Reason, reasonText } from '#proxy/reason.ts';

/** The target; host without brackets. */
export interface ChoiceTarget {
  readonly host: string;
  readonly port: number;
}

/** The part of the settings that a choice depends on. */
export interface ProxySettings {
  readonly proxy_enabled: boolean;
  readonly proxy_required: boolean;
  readonly proxies: readonly ProxyProfile[];
  /** `none`, `default` or the name of a profile. */
  readonly use_proxy_for: Readonly<Record<Purpose, string>>;
}

/** The proxy to use, or null for direct, with the reasons in order. */
export interface ProxyChoice {
  readonly proxy: ProxyProfile | null;
  readonly reasons: readonly Reason[];
}

/** A profile that is tried when those before it cannot be reached. */
export interface Fallback {
  readonly profile: ProxyProfile;
  readonly reason: Reason;
}

/** Maximum number of profiles that are tried after the chosen one. */
const MAX_FALLBACKS = 5;

/** What forbids a direct connection, and how to allow it. */
const BY_REQUIREMENT = { why: 'proxy_required is true', otherwise: 'ask root to change proxy_required' };

/**
 * Chooses the proxy of a purpose for a target.
 * @throws CodedError POLICY-DIRECT when the choice is direct and `proxy_required` forbids it
 * @throws CodedError CONFIG-INCOMPLETE when the profile that the purpose asks for does not exist
 */
export function chooseProxy(purpose: Purpose, target: ChoiceTarget, settings: ProxySettings): ProxyChoice {
  const choice = exempt(choose(purpose, settings), target, settings);
  if (choice.proxy === null && settings.proxy_required) {
    const host = target.host.includes(':') ? `[${target.host}]` : target.host;
    const rule = decidingText(choice.reasons);
    const remedy = directRemedy(choice.reasons, purpose);
    throw coded('POLICY-DIRECT', { target: `${host}:${target.port}`, purpose, rule, remedy, ...BY_REQUIREMENT });
  }
  return choice;
}

/** A profile's own `no_proxy` sends single targets direct. */
function exempt(choice: ProxyChoice, target: ChoiceTarget, { proxies }: ProxySettings): ProxyChoice {
  const { proxy, reasons } = choice;
  if (proxy?.no_proxy === undefined) return choice;
  const token = matchNoProxy(proxy.no_proxy, target);
  if (token === null) return choice;
  return { proxy: null, reasons: [...reasons, { kind: 'exempt', index: proxies.indexOf(proxy), token }] };
}

/**
 * The choice for a purpose, before any target is considered.
 * @throws CodedError CONFIG-INCOMPLETE
 */
export function choose(purpose: Purpose, settings: ProxySettings): ProxyChoice {
  if (!settings.proxy_enabled) return { proxy: null, reasons: [{ kind: 'disabled' }] };
  const wanted = settings.use_proxy_for[purpose];
  const reason: Reason = { kind: 'use', purpose, use: wanted };
  if (wanted === 'none') return { proxy: null, reasons: [reason] };
  if (wanted === 'default') return chooseDefault(reason, settings.proxies);
  const index = settings.proxies.findIndex(({ name }) => name === wanted);
  const proxy = settings.proxies[index];
  if (proxy === undefined) {
    throw coded('CONFIG-INCOMPLETE', {
      key: 'proxies',
      what: `${reasonText(reason)}, but no proxy has that name`,
    });
  }
  return { proxy, reasons: [reason, { kind: 'named', index, name: proxy.name }] };
}

function chooseDefault(reason: Reason, proxies: readonly ProxyProfile[]): ProxyChoice {
  if (proxies.length === 0) return { proxy: null, reasons: [reason, { kind: 'no proxies' }] };
  const index = proxies.findIndex((profile) => profile.default);
  const proxy = proxies[index];
  if (proxy === undefined) {
    throw coded('CONFIG-INCOMPLETE', {
      key: 'proxies[].default',
      what: `${reasonText(reason)}, but no proxy is the default`,
    });
  }
  return { proxy, reasons: [reason, { kind: 'default', index, name: proxy.name }] };
}

/**
 * Every profile that may replace the chosen one for some target, in order: its own list, then the lists of those
 * profiles, each profile once. Ends where no target can get further, because a profile without `no_proxy` applies to
 * every target.
 */
export function possibleFallbacks(chosen: ProxyProfile, proxies: readonly ProxyProfile[]): readonly Fallback[] {
  const found: Fallback[] = [];
  const names = new Set([chosen.name]);
  const queue: ProxyProfile[] = [chosen];
  let certain = 0;
  for (let of = queue.shift(); of !== undefined; of = queue.shift()) {
    for (const name of of.fallback ?? []) {
      const profile = proxies.find((other) => other.name === name);
      if (profile === undefined || names.has(name)) continue;
      names.add(name);
      queue.push(profile);
      found.push({ profile, reason: { kind: 'fallback', index: proxies.indexOf(of), name } });
      if (profile.no_proxy === undefined) certain += 1;
      if (certain === MAX_FALLBACKS) return found;
    }
  }
  return found;
}

/**
 * The fallbacks of a profile for this target, in the order in which they are tried. Profiles whose own `no_proxy`
 * exempts the target are left out: a direct connection never replaces a proxy.
 */
export function fallbacksOf(
  chosen: ProxyProfile,
  target: ChoiceTarget,
  proxies: readonly ProxyProfile[],
): readonly Fallback[] {
  return possibleFallbacks(chosen, proxies)
    .filter(({ profile: { no_proxy } }) => no_proxy === undefined || matchNoProxy(no_proxy, target) === null)
    .slice(0, MAX_FALLBACKS);
}
