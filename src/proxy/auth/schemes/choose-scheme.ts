// Which scheme `auto` answers a proxy with: the strongest that is offered and for which we have what it takes. Pure.
//
// Guarantees: never below what worked with this proxy before, because whoever wants the password readable would only have
// to take the better offers out of its answer; never Basic where others could read it, unless the profile allows that.

import type { Challenge } from './challenge.ts';
import { canAnswer, strongestDigest } from './digest.ts';
import { type SchemeName, schemeStrength } from './scheme.ts';

export interface Means {
  /** The strongest scheme that worked with this proxy. */
  readonly worked: SchemeName | null;
  /** Whether the password may be shown as it is: the leg is encrypted, or the profile allows it. */
  readonly readable: boolean;
  /** Whether MD4 and MD5 may be used. */
  readonly weakHashes: boolean;
  /** Whether there may be a Kerberos ticket for this proxy: false once there was none. */
  readonly ticket: boolean;
}

export type SchemeChoice =
  | { readonly kind: 'chosen'; readonly scheme: SchemeName }
  /** Something is offered that would do, but for this. */
  | { readonly kind: 'downgrade'; readonly worked: SchemeName }
  | { readonly kind: 'fips'; readonly scheme: SchemeName }
  | { readonly kind: 'readable' }
  | { readonly kind: 'none' };

/** From the strongest to the weakest. */
const TRIED = ['Negotiate', 'NTLM', 'Digest', 'Basic'] as const;

export function chooseScheme(challenges: readonly Challenge[], means: Means): SchemeChoice {
  const offered = TRIED.filter((scheme) => offers(challenges, scheme));
  const [best = null] = offered.filter((scheme) => mayUse(challenges, scheme, means));
  const least = means.worked === null ? 0 : schemeStrength(means.worked);
  if (best !== null && schemeStrength(best) >= least) return { kind: 'chosen', scheme: best };
  const forbidden = offered.find((scheme) => needsHashes(scheme) && !mayUse(challenges, scheme, means));
  if (forbidden !== undefined && !means.weakHashes) return { kind: 'fips', scheme: forbidden };
  if (means.worked !== null && offered.length > 0) return { kind: 'downgrade', worked: means.worked };
  return offered.includes('Basic') ? { kind: 'readable' } : { kind: 'none' };
}

/** Whether a scheme may be used without being asked for it, because it worked here before. */
export function mayBegin(scheme: SchemeName, { readable, weakHashes, ticket, worked }: Means): boolean {
  // Where a ticket worked nothing else will do: how it fails now is the truth to tell.
  if (scheme === 'Negotiate') return ticket || worked === 'Negotiate';
  return scheme === 'Basic' ? readable : weakHashes;
}

function needsHashes(scheme: SchemeName): boolean {
  return scheme === 'NTLM' || scheme === 'Digest';
}

function mayUse(challenges: readonly Challenge[], scheme: SchemeName, means: Means): boolean {
  if (scheme !== 'Digest') return mayBegin(scheme, means);
  const own = challenges.filter((challenge) => challenge.scheme.toLowerCase() === 'digest');
  const strongest = strongestDigest(own, means.weakHashes);
  return strongest !== null && canAnswer(strongest, means.weakHashes);
}

function offers(challenges: readonly Challenge[], scheme: SchemeName): boolean {
  return challenges.some((challenge) => challenge.scheme.toLowerCase() === scheme.toLowerCase());
}
