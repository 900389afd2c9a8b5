// Basic (RFC 7617): sends user and password with every request, readable for anyone who intercepts it.
//
// Guarantees: the encoding is UTF-8, and a domain precedes the user as DOMAIN\user. The combined text is registered for
// masking before any other code receives it, so that even its base64 form is never printed.

import type { Account } from '#proxy/account.ts';
import { Secret } from '#redaction/secret.ts';
import type { Authenticator, Reply, SecretRegistry } from './scheme.ts';

export function basicAuthenticator(account: Account, known: SecretRegistry): Authenticator {
  const composite = new Secret(`${account.shown}:${account.password.reveal()}`);
  known.add(composite);
  const authorization = new Secret(`Basic ${Buffer.from(composite.reveal(), 'utf8').toString('base64')}`);
  const proof: Reply = { kind: 'send', authorization, proves: true, sameConnection: false };
  let sent = false;
  const show = (): Promise<Reply> => {
    sent = true;
    return Promise.resolve(proof);
  };
  return {
    scheme: 'Basic',
    connectionBound: false,
    begin: show,
    next: () => (sent ? Promise.resolve({ kind: 'refused' }) : show()),
    prepare: () => null,
    headerFor: () => authorization,
  };
}
