// Decides which scheme `auto` uses with a proxy: the strongest that the proxy offers and this host can use. Pure.
//
// Guarantees: a scheme that is weaker than one that worked with this proxy before is never used. Otherwise, an attacker
// could obtain the password by removing the stronger offers from a response. Basic is not used on an unencrypted
// connection, unless the profile allows it.

import type { Challenge } from './challenge.ts';
import { canAnswer, strongestDigest } from './digest.ts';
import { type SchemeName, schemeStrength } from './scheme.ts';

export interface AvailableMeans {
  /** The strongest scheme that worked with this proxy. */
  readonly worked: SchemeName | null;
  /** Whether the password may be sent readable: the connection to the proxy is encrypted, or the profile allows it. */
  readonly readable: boolean;
  /** Whether MD4 and MD5 may be used. */
  readonly weakHashes: boolean;
  /** Whether there may be a Kerberos ticket for this proxy; false once there was none. */
  readonly ticket: boolean;
}

export type SchemeChoice =
  | { readonly kind: 'chosen'; readonly scheme: SchemeName }
  /** A usable scheme is offered, but it is excluded for this reason. */
  | { readonly kind: 'downgrade'; readonly worked: SchemeName }
  | { readonly kind: 'fips'; readonly scheme: SchemeName }
  | { readonly kind: 'readable' }
  | { readonly kind: 'none' };

/** From the strongest to the weakest. */
const TRIED = ['Negotiate', 'NTLM', 'Digest', 'Basic'] as const;

export function chooseScheme(challenges: readonly Challenge[], means: AvailableMeans): SchemeChoice {
  const offered = TRIED.filter((scheme) => offers(challenges, scheme));
  const [best = null] = offered.filter((scheme) => mayUse(challenges, scheme, means));
  const least = means.worked === null ? 0 : schemeStrength(means.worked);
  if (best !== null && schemeStrength(best) >= least) return { kind: 'chosen', scheme: best };
  const forbidden = offered.find((scheme) => needsHashes(scheme) && !mayUse(challenges, scheme, means));
  if (forbidden !== undefined && !means.weakHashes) return { kind: 'fips', scheme: forbidden };
  if (means.worked !== null && offered.length > 0) return { kind: 'downgrade', worked: means.worked };
  return offered.includes('Basic') ? { kind: 'readable' } : { kind: 'none' };
}

/** Whether a scheme may be used before any challenge, because it worked here before. */
export function mayBegin(scheme: SchemeName, { readable, weakHashes, ticket, worked }: AvailableMeans): boolean {
  // If a ticket worked here, no other scheme is acceptable: its present failure is the one to report.
  if (scheme === 'Negotiate') return ticket || worked === 'Negotiate';
  return scheme === 'Basic' ? readable : weakHashes;
}

function needsHashes(scheme: SchemeName): boolean {
  return scheme === 'NTLM' || scheme === 'Digest';
}

function mayUse(challenges: readonly Challenge[], scheme: SchemeName, means: AvailableMeans): boolean {
  if (scheme !== 'Digest') return mayBegin(scheme, means);
  const own = challenges.filter((challenge) => challenge.scheme.toLowerCase() === 'digest');
  const strongest = strongestDigest(own, means.weakHashes);
  return strongest !== null && canAnswer(strongest, means.weakHashes);
}

function offers(challenges: readonly Challenge[], scheme: SchemeName): boolean {
  return challenges.some((challenge) => challenge.scheme.toLowerCase() === scheme.toLowerCase());
}
