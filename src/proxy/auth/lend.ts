// Lends the account of a proxy to another client, so that a second opinion can be asked for without a refused attempt.
//
// Guarantees: only what this proxy accepted after the given moment is lent, and only in the form in which it was accepted:
// Basic, or the login of SOCKS. The guard of credentials gives leave as for the work, and learns of a refusal.

import { accountOf } from '#proxy/account.ts';
import type { CandidateInfo, Loan } from '#proxy/candidate-info.ts';
import type { Candidate, ProxyHop } from '#proxy/hop.ts';
import type { CredentialGuard } from './credential-guard.ts';
import { namedScheme, type SchemeName } from './schemes/scheme.ts';

export interface LendParts {
  readonly credentialGuard: CredentialGuard;
  /** How long a refused credential that had worked waits, in milliseconds; 0 for ever. */
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

/** `auto` never uses less than what this proxy accepted before. */
function schemeOf({ profile, url }: ProxyHop, credentialGuard: CredentialGuard): SchemeName | null {
  return profile.authentication === 'auto'
    ? (credentialGuard.remembered(url)?.worked ?? null)
    : namedScheme(profile.authentication);
}

async function lend(
  hop: ProxyHop,
  { credentialGuard, retryMs }: LendParts,
  { sinceMs, signal }: { readonly sinceMs: number; readonly signal: AbortSignal },
): Promise<Loan | null> {
  const account = accountOf(hop.profile);
  if (account === null || schemeOf(hop, credentialGuard) !== 'Basic') return null;
  if (!credentialGuard.acceptedSince(account, hop.url, sinceMs)) return null;
  const permit = await credentialGuard.requestPermit(account, { proxyUrl: hop.url, retryMs, signal });
  if (permit.kind === 'refused') return null;
  const { attempt } = permit;
  // A full disk is no failure of a diagnosis: then nothing is lent.
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
