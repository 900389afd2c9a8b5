// The items of the screen SETUP NETWORK, and the notices before and after it. Pure.

import type { ProfileFacts, ProxyFacts } from '#changes/proxy/facts.ts';
import type { MenuScreen, MenuState, SetupItem } from './screens.ts';

/** Whether a proxy is in use: proxies are switched on, and there is a default or a purpose names one. */
export function isProxyInUse({ proxy_enabled: enabled, proxies, use_proxy_for: uses }: ProxyFacts): boolean {
  if (!enabled) return false;
  return proxies.some((one) => one.default) || Object.values(uses).some((use) => use !== 'none' && use !== 'default');
}

/** The items, in the order of the sensor. */
export function setupItems({ facts, outcome }: Pick<MenuState, 'facts' | 'outcome'>): readonly SetupItem[] {
  if (facts === null) return [];
  const proxy: readonly SetupItem[] = isProxyInUse(facts) ? ['CHANGE PROXY PARAMS', 'DISABLE PROXY'] : ['ENABLE PROXY'];
  return outcome.kind === 'user-login' ? [...proxy, 'USER LOGIN'] : proxy;
}

type Notice = Extract<MenuScreen, { kind: 'notice' }>;

/** Said before DISABLE PROXY, which the file would reject. */
export function requiredNotice(next: MenuScreen): Notice {
  const text = 'proxy_required IS true, SO EVERY CONNECTION MUST USE A PROXY. ONLY root CAN CHANGE proxy_required.';
  return { kind: 'notice', title: 'PROXY IS REQUIRED', text, top: 0, next };
}

/** Said about a profile that the menu leaves as it is. */
export function lockedProfileNotice({ name, scheme }: ProfileFacts, next: MenuScreen): Notice {
  const source = scheme === 'pac' ? 'A PAC FILE' : 'ENVIRONMENT VARIABLES';
  const text = `THE PROXIES OF ${name} COME FROM ${source}. THIS MENU DOES NOT CHANGE THEM. ANOTHER USER CAN: sallyport proxy edit.`;
  return { kind: 'notice', title: 'PROXY NOT CHANGED', text, top: 0, next };
}

/** The purposes that do not follow the default; null if all do. */
export function directNotice({ use_proxy_for: uses }: ProxyFacts, next: MenuScreen): Notice | null {
  const entries = Object.entries(uses);
  const direct = entries.filter(([, use]) => use === 'none').map(([purpose]) => purpose);
  const named = entries.filter(([, use]) => use !== 'none' && use !== 'default');
  const sentences = [
    ...(direct.length === 0 ? [] : [`GOING DIRECT: ${direct.join(', ')}.`]),
    ...named.map(([purpose, use]) => `${purpose} USES PROXY ${use}.`),
  ];
  return sentences.length === 0
    ? null
    : { kind: 'notice', title: 'NOT CHANGED', text: sentences.join(' '), top: 0, next };
}
