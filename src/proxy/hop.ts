// A proxy that a connection may go through. Its address comes from a profile, a PAC file or the environment.
//
// A `ProxyHop` has all data for connecting and authenticating. Its `profile` has the account that may be sent to the
// proxy. For a proxy that must not get the account, use a profile without it (`withoutAccount`). A `Candidate` is one
// entry of a route: a proxy or a direct connection, with the reasons for it.

import type { Purpose } from '#config/purposes.ts';
import { type Hop, proxyAt } from '#errors/hop.ts';
import type { HopScheme, ProxyProfile } from './profile.ts';
import type { Reason } from './reason.ts';

export interface ProxyHop {
  /** The profile's name. */
  readonly name: string;
  readonly scheme: HopScheme;
  /** DNS name, IPv4 or IPv6 (without brackets). */
  readonly address: string;
  readonly port: number;
  /** `http://proxy.example.com:3128`, without user. */
  readonly url: string;
  /** The hop as failures name it. */
  readonly place: Hop;
  /** The profile whose account may be sent to it. */
  readonly profile: ProxyProfile;
  /** What the profile's secret is bound to: the hop itself, or the source that names the hops. */
  readonly boundTo: string;
  /** Whether the profile has an account that this hop may not see (`pac.credentials_for`). */
  readonly isAccountWithheld: boolean;
  /** The environment variable that names it; null otherwise. */
  readonly variable: string | null;
}

/** One proxy to try for a target, or a direct connection; each reason names what decided. */
export type Candidate =
  | { readonly kind: 'proxy'; readonly hop: ProxyHop; readonly reasons: readonly Reason[] }
  | { readonly kind: 'direct'; readonly reasons: readonly Reason[] };

/** The purpose and the limits of a request for candidates. */
export interface CandidateRequest {
  readonly purpose: Purpose;
  readonly signal: AbortSignal;
}

/** Names the candidates of profiles that have no address of their own. */
export interface CandidateSource {
  /**
   * The candidates for a target, best first; never empty.
   * @throws CodedError when the source is unavailable
   */
  candidatesFor(profile: ProxyProfile, target: URL, request: CandidateRequest): Promise<readonly Candidate[]>;
  /** The same if they are already known, without a request; null otherwise. */
  knownCandidates(profile: ProxyProfile, target: URL): readonly Candidate[] | null;
}

/** Makes a hop at an address. `boundTo` is the hop itself unless a source names the hop. */
export function makeHop(
  profile: ProxyProfile,
  at: {
    readonly scheme: HopScheme;
    readonly address: string;
    readonly port: number;
    readonly boundTo?: string;
    readonly isAccountWithheld?: boolean;
    readonly variable?: string;
  },
): ProxyHop {
  const { scheme, address, port } = at;
  const hostPort = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const url = `${scheme}://${hostPort}`;
  const place = proxyAt(profile.name, hostPort);
  const { boundTo = url, isAccountWithheld = false, variable = null } = at;
  return { name: profile.name, scheme, address, port, url, place, profile, boundTo, isAccountWithheld, variable };
}

/** The profile without its credentials, for proxies that must not receive them. */
export function withoutAccount(profile: ProxyProfile): ProxyProfile {
  return { ...profile, authentication: 'transparent', domain: undefined, user: undefined, password: undefined };
}

/**
 * What the secret of a profile is bound to: its own hop, or the proxies that may receive it, whatever names them. Null
 * if no proxy receives it.
 */
export function bindingOf(profile: ProxyProfile): string | null {
  const trusted = profile.pac?.credentials_for;
  if (profile.scheme === 'pac') return trusted === undefined ? null : `pac.credentials_for: ${trusted}`;
  return ownHop(profile)?.boundTo ?? null;
}

/** The hop of a profile that has an address of its own; null if a source names its proxies. */
export function ownHop(profile: ProxyProfile): ProxyHop | null {
  const { scheme, address, port } = profile;
  if (scheme === 'pac' || scheme === 'environment' || address === undefined) return null;
  return makeHop(profile, { scheme, address, port });
}
