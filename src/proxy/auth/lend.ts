// Gives the user and password of a proxy to the ordinary Node client that makes a second opinion. This must not cause a
// rejected login.
//
// Guarantees: the client gets the account only if this proxy accepted it after the given moment, and only in the form
// in which it was accepted (Basic or SOCKS login). The credential guard permits each use and gets to know a rejection,
// as for every other attempt.

import { accountOf } from '#proxy/account.ts';
import type { CandidateInfo, LentAccount } from '#proxy/candidate-info.ts';
import type { Candidate, ProxyHop } from '#proxy/hop.ts';
import type { CredentialGuard } from './credential-guard.ts';
import { namedScheme, type SchemeName } from './schemes/scheme.ts';

export interface LendParts {
  readonly credentialGuard: CredentialGuard;
  /** How long a rejected credential that had worked waits, in milliseconds; 0 for permanently. */
  readonly retryMs: number;
  /** The connect mode through this proxy. */
  readonly how: 'tunnel' | 'forward';
}

/** A candidate, as another client sees it. */
export function candidateInfoOf(candidate: Candidate, parts: LendParts): CandidateInfo {
  if (candidate.kind === 'direct') return { proxy: null };
  const { hop } = candidate;
  const { name, scheme, address, port, url, profile } = hop;
  return {
    proxy: {
      ...{ name, scheme, address, port, url, how: parts.how },
      authentication: schemeOf(hop, parts.credentialGuard),
      hasAccount: accountOf(profile) !== null || profile.authentication === 'negotiate',
      lend: (sinceMs, signal) => lend(hop, parts, { sinceMs, signal }),
    },
  };
}

/** `auto` never uses a weaker scheme than this proxy accepted before. */
function schemeOf({ profile, url }: ProxyHop, credentialGuard: CredentialGuard): SchemeName | null {
  return profile.authentication === 'auto'
    ? (credentialGuard.remembered(url)?.worked ?? null)
    : namedScheme(profile.authentication);
}

async function lend(
  hop: ProxyHop,
  { credentialGuard, retryMs }: LendParts,
  { sinceMs, signal }: { readonly sinceMs: number; readonly signal: AbortSignal },
): Promise<LentAccount | null> {
  const account = accountOf(hop.profile);
  if (account === null || schemeOf(hop, credentialGuard) !== 'Basic') return null;
  if (!credentialGuard.acceptedSince(account, hop.url, sinceMs)) return null;
  const permit = await credentialGuard.requestPermit(account, { proxyUrl: hop.url, retryMs, signal });
  if (permit.kind === 'refused') return null;
  const { attempt } = permit;
  // A full disk must not fail a diagnosis: nothing is lent then.
  const mayGo = await attempt.sending().then(
    (refusal) => refusal === null,
    () => false,
  );
  if (!mayGo) {
    attempt.unknown();
    return null;
  }
  return {
    user: account.shown,
    password: account.password,
    refused: () => attempt.rejected(),
    returned: () => attempt.unknown(),
  };
}
