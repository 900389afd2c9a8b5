// What a conversation with a proxy about who we are needs, and what it hands out.

import type { Account } from '#proxy/account.ts';
import type { ProxyHop } from '#proxy/hop.ts';
import type { Secret } from '#redaction/secret.ts';
import type { CredentialGuard } from './credential-guard.ts';
import type { KerberosLoader } from './schemes/negotiate.ts';
import type { SecretRegistry } from './schemes/scheme.ts';
import type { AuthPeer } from './verdict.ts';

export interface AuthSessionParts {
  /** Whom we speak to, and whose account is shown there. */
  readonly hop: ProxyHop;
  readonly credentialGuard: CredentialGuard;
  readonly known: SecretRegistry;
  /** How long a refused credential that had worked waits; 0 for ever. */
  readonly retryMs: number;
  /** The origin whose URLs the proxy is asked for in absolute form; null where a tunnel is opened. */
  readonly forwardOrigin: string | null;
  readonly signal: AbortSignal;
  /** Tests bring their own. */
  readonly loadKerberos?: KerberosLoader;
}

/** What the next request carries. */
export interface NextStep {
  readonly authorization: Secret;
  /** It means nothing on another connection. */
  readonly sameConnection: boolean;
}

/** Whom a conversation is with, and as whom. */
export function authPeer({ hop }: AuthSessionParts, account: Account | null): AuthPeer {
  const { name, place, scheme, port } = hop;
  const { authentication } = hop.profile;
  const shown = { user: account?.shown ?? null, hasDomain: (account?.domain ?? '') !== '' };
  const { address, isAccountWithheld, variable } = hop;
  return { name, hop: place, scheme, address, port, authentication, isAccountWithheld, variable, ...shown };
}

/** What the proxy offered last: a user without a domain is told so each time, not only when it is refused. */
export function offersOf({ credentialGuard, hop }: AuthSessionParts): readonly string[] {
  return credentialGuard.remembered(hop.url)?.offers ?? [];
}
