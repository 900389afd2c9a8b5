// Detects new settings that would connect a purpose directly, without an explicit choice, although it had a proxy
// (principle 7). Pure.
//
// The choice is explicit if the purpose is set to `none`, or with `proxy_enabled: false`. A truncated file, or a file
// that lost its proxies, has neither. Targets in the `no_proxy` of a profile are the choice of the admin and are not
// checked here.

import { byPurpose, PURPOSES, type Purpose } from '#config/purposes.ts';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { decidingText, directRemedy } from '#proxy/reason.ts';
import { choose, type ProxySettings } from './choice.ts';

/** The proxy of each purpose by its name, null for direct. */
export type PurposeProxies = Readonly<Record<Purpose, string | null>>;

/** The proxy of each purpose under these settings. */
export function proxiesByPurpose(settings: ProxySettings): PurposeProxies {
  return byPurpose((purpose) => choose(purpose, settings).proxy?.name ?? null);
}

/** One failure for each purpose that would bypass its proxy by accident. */
export function findBypasses(before: PurposeProxies, to: ProxySettings): CodedError[] {
  return PURPOSES.flatMap((purpose) => {
    const had = before[purpose];
    const { proxy, reasons } = choose(purpose, to);
    if (had === null || proxy !== null || isExplicit(purpose, to)) return [];
    return [
      coded('POLICY-DIRECT', {
        target: purpose,
        purpose,
        why: `it used proxy ${had} until now`,
        rule: decidingText(reasons),
        remedy: directRemedy(reasons, purpose),
        otherwise: `set use_proxy_for.${purpose}: none or proxy_enabled: false if it should connect directly`,
      }),
    ];
  });
}

function isExplicit(purpose: Purpose, { proxy_enabled, use_proxy_for }: ProxySettings): boolean {
  return !proxy_enabled || use_proxy_for[purpose] === 'none';
}
