// The inputs and outputs of an authentication session with a proxy, and the choice of the challenge that it answers.

import type { Account } from '#proxy/account.ts';
import type { ProxyHop } from '#proxy/hop.ts';
import type { Secret } from '#redaction/secret.ts';
import type { CredentialGuard } from './credential-guard.ts';
import { weakHashesWork } from './schemes/authenticators.ts';
import type { Challenge } from './schemes/challenge.ts';
import { strongestDigest } from './schemes/digest.ts';
import type { KerberosLoader } from './schemes/negotiate.ts';
import type { SchemeName, SecretRegistry } from './schemes/scheme.ts';
import type { AuthPeer } from './verdict.ts';

export interface AuthSessionParts {
  /** The proxy, and the profile whose account is sent there. */
  readonly hop: ProxyHop;
  readonly credentialGuard: CredentialGuard;
  readonly known: SecretRegistry;
  /** How long a rejected credential that had worked waits, in milliseconds; 0 for permanently. */
  readonly retryMs: number;
  /** The origin whose URLs are requested in absolute form; null for a tunnel. */
  readonly forwardOrigin: string | null;
  readonly signal: AbortSignal;
  /** Tests pass their own. */
  readonly loadKerberos?: KerberosLoader;
}

/** What the next request carries. */
export interface NextStep {
  readonly authorization: Secret;
  /** The proof is valid only on the same connection. */
  readonly sameConnection: boolean;
}

/** The proxy and the account of a session. */
export function authPeer({ hop }: AuthSessionParts, account: Account | null): AuthPeer {
  const { name, place, scheme, port } = hop;
  const { authentication } = hop.profile;
  const shown = { user: account?.shown ?? null, hasDomain: (account?.domain ?? '') !== '' };
  const { address, isAccountWithheld, variable } = hop;
  return { name, hop: place, scheme, address, port, authentication, isAccountWithheld, variable, ...shown };
}

/** The schemes that the proxy offered last. They decide whether a user without a domain gets the hint about it. */
export function offersOf({ credentialGuard, hop }: AuthSessionParts): readonly string[] {
  return credentialGuard.remembered(hop.url)?.offers ?? [];
}

/** The proxy's challenge of a scheme; null when it does not offer it. */
export function pickChallenge(challenges: readonly Challenge[], scheme: SchemeName): Challenge | null {
  const own = challenges.filter((challenge) => challenge.scheme.toLowerCase() === scheme.toLowerCase());
  if (scheme === 'Digest') return strongestDigest(own, weakHashesWork());
  // A proxy that continues a handshake may also repeat the bare name of the scheme.
  return own.find(({ token }) => token !== null) ?? own[0] ?? null;
}
