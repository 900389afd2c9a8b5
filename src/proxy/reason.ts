// The reasons for a route, as data. Each reason names the setting or fact that decided. Pure.
//
// Guarantees: only `reasonText` turns a reason into a sentence, and no code parses such a sentence. Names, tokens and
// results of PAC files are untrusted text that only the log formatter shows.

import { isDeepStrictEqual } from 'node:util';
import { DIRECT_REMEDIES } from '#config/direct-remedy.ts';
import type { Purpose } from '#config/purposes.ts';

export type Reason =
  /** `proxy_enabled` is false. */
  | { readonly kind: 'disabled' }
  /** `use` is none, default or the name of a profile. */
  | { readonly kind: 'use'; readonly purpose: Purpose; readonly use: string }
  /** The profile that `use_proxy_for` names. */
  | { readonly kind: 'named'; readonly index: number; readonly name: string }
  | { readonly kind: 'default'; readonly index: number; readonly name: string }
  | { readonly kind: 'no proxies' }
  /** The `no_proxy` of the profile exempts the target. */
  | { readonly kind: 'exempt'; readonly index: number; readonly token: string }
  /** The profile at `index` names this one as a fallback. */
  | { readonly kind: 'fallback'; readonly index: number; readonly name: string }
  /** `url` has no user. */
  | { readonly kind: 'variable'; readonly variable: string; readonly url: string }
  | { readonly kind: 'variable exempts'; readonly variable: string; readonly token: string }
  /** Neither this variable nor all_proxy is set. */
  | { readonly kind: 'no variable'; readonly variable: string }
  /** The result of the PAC file for `url`, which has no query. */
  | { readonly kind: 'pac'; readonly where: string; readonly answer: readonly string[]; readonly url: string }
  | { readonly kind: 'pac direct' }
  /** Not from the settings: the caller tests this profile. */
  | { readonly kind: 'tested' };

/** The reason as a sentence. */
export function reasonText(reason: Reason): string {
  switch (reason.kind) {
    case 'disabled':
      return 'proxy_enabled is false';
    case 'use':
      return `use_proxy_for.${reason.purpose} is ${reason.use}`;
    case 'named':
      return `proxies[${reason.index}] is ${reason.name}`;
    case 'default':
      return `the default proxy is proxies[${reason.index}] ${reason.name}`;
    case 'no proxies':
      return 'no proxies are configured';
    case 'exempt':
      return `proxies[${reason.index}].no_proxy has the token ${reason.token}`;
    case 'fallback':
      return `proxies[${reason.index}].fallback has ${reason.name}`;
    case 'variable':
      return `environment variable ${reason.variable} names ${reason.url}`;
    case 'variable exempts':
      return `environment variable ${reason.variable} has the token ${reason.token}`;
    case 'no variable':
      return `no environment variable ${reason.variable} or all_proxy is set`;
    case 'pac':
      return `PAC ${reason.where} answered ${reason.answer.join('; ')} for ${reason.url}`;
    case 'pac direct':
      return 'the PAC answered DIRECT';
    case 'tested':
      return 'chosen for this test';
  }
}

/** The configuration key that decided, for example `proxies[0].no_proxy`; null if something else decided. */
export function reasonKey(reason: Reason): string | null {
  switch (reason.kind) {
    case 'disabled':
      return 'proxy_enabled';
    case 'use':
      return `use_proxy_for.${reason.purpose}`;
    case 'named':
    case 'default':
      return `proxies[${reason.index}]`;
    case 'exempt':
      return `proxies[${reason.index}].no_proxy`;
    case 'fallback':
      return `proxies[${reason.index}].fallback`;
    default:
      return null;
  }
}

/** The last reason, which decided, as a sentence. */
export function decidingText(reasons: readonly Reason[]): string {
  const last = reasons.at(-1);
  return last === undefined ? '' : reasonText(last);
}

/** What to change if the last reason leads to a direct connection that is not allowed: an instruction. */
export function directRemedy(reasons: readonly Reason[], purpose: Purpose): string {
  const reason = reasons.at(-1);
  switch (reason?.kind) {
    case 'disabled':
      return DIRECT_REMEDIES.disabled;
    case 'no proxies':
      return DIRECT_REMEDIES.noProxies;
    case 'exempt':
      return `remove ${reason.token} from proxies[${reason.index}].no_proxy`;
    case 'variable exempts':
      return `remove ${reason.token} from the environment variable ${reason.variable}`;
    case 'no variable':
      return `set the environment variable ${reason.variable} for the service`;
    case 'pac direct':
      return 'ask the administrator of the PAC file to return a proxy for this URL';
    default:
      return DIRECT_REMEDIES.use(purpose);
  }
}

/** The reasons in order, without duplicates. */
export function distinctReasons(reasons: readonly Reason[]): readonly Reason[] {
  return reasons.filter((reason, index) => reasons.findIndex((one) => isDeepStrictEqual(one, reason)) === index);
}
