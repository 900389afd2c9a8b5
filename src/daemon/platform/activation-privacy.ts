// Prevents that an activation request is sent through a proxy that decrypts TLS. For other requests it is enough to
// leave out some headers, but the secrets of an activation are in the body. Pure.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { originAt } from '#errors/hop.ts';
import type { HopFacts } from '#proxy/route.ts';

const TOKENS_KEY = 'updates.send_tokens_when_intercepted';

/** Checks a connection before anything is sent over it. @throws CodedError TLS-INTERCEPTED, TLS-UNTRUSTED */
export function requirePrivate(facts: HopFacts): void {
  const { withheld = [], decryptedBy = null } = facts;
  // Empty where the admin permits tokens on such connections.
  if (withheld.length > 0) throw decrypted(facts, decryptedBy);
}

function decrypted({ host, port, proxy }: HopFacts, issuer: string | null): CodedError {
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const about = {
    host,
    port,
    issuer,
    proxy,
    target,
    hop: originAt(target),
    expected: 'a certificate of the server itself, because updates.allow_interception_by does not cover activation',
    reason: 'its issuer may decrypt TLS, and activation needs a connection that is not decrypted',
    otherwise: `activate with a license file, or set ${TOKENS_KEY}: true if the proxy may read the activation key`,
    remedy: 'remove it from the file of updates.allow_interception_by and set updates.ca_file',
  };
  return coded(proxy === null ? 'TLS-UNTRUSTED' : 'TLS-INTERCEPTED', about);
}
