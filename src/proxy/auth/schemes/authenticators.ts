// Makes the authenticator of a scheme. Modules that are rarely needed are loaded when they are.

import { createHash } from 'node:crypto';
import { coded } from '#errors/coded-error.ts';
import type { AuthenticatorParts } from './authenticator-parts.ts';
import { basicAuthenticator } from './basic.ts';
import { digestAuthenticator } from './digest.ts';
import type { Authenticator, SchemeName } from './scheme.ts';

/** @throws CodedError AUTH-FIPS */
export async function authenticatorFor(scheme: SchemeName, parts: AuthenticatorParts): Promise<Authenticator> {
  const { account } = parts;
  if (scheme === 'Negotiate') {
    const { negotiateAuthenticator } = await import('./negotiate.ts');
    return negotiateAuthenticator(parts, parts.loadKerberos);
  }
  if (account === null) throw coded('INTERNAL', { reason: `${scheme} was asked for without a user` });
  switch (scheme) {
    case 'Basic':
      return basicAuthenticator(account, parts.known);
    case 'Digest':
      return digestAuthenticator({ ...parts, account, weakHashes: weakHashesWork() });
    case 'NTLM': {
      if (!weakHashesWork()) throw coded('AUTH-FIPS', { proxy: parts.proxy, scheme, hop: parts.hop });
      const { ntlmAuthenticator } = await import('./ntlm.ts');
      return ntlmAuthenticator({ ...parts, account });
    }
  }
}

/** Whether MD5 may be used here: not in FIPS mode, however it was enabled. */
export function weakHashesWork(): boolean {
  try {
    createHash('md5');
    return true;
  } catch {
    return false;
  }
}
