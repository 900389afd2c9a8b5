// NTLM (MS-NLMP, MS-NTHT): three messages on one connection, which the proxy then treats as authenticated.
//
// Guarantees: only NTLMv2 is used. The first message does not contain the user, and each proof is registered for
// masking. If a proxy requests the first message again before the end, it has lost the state of the connection, which
// is reported as NTLM-CONN.

import { randomBytes } from 'node:crypto';
import { coded } from '#errors/coded-error.ts';
import type { Account } from '#proxy/account.ts';
import { Secret } from '#redaction/secret.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import type { AuthenticatorParts } from './authenticator-parts.ts';
import { authenticateMessage, domainOf, type NtlmChallenge, negotiateMessage, readChallenge } from './ntlm-messages.ts';
import type { Authenticator, Reply } from './scheme.ts';

const CHALLENGE_BYTES = 8;

export function ntlmAuthenticator(
  parts: AuthenticatorParts & { readonly account: Account },
  clock: Clock = systemClock,
): Authenticator {
  const { account, known, proxy, hop } = parts;
  const negotiate = negotiateMessage();
  let stage: 'nothing' | 'negotiate' | 'authenticate' = 'nothing';
  let advertised: string | null = null;

  const first = (): Reply => {
    stage = 'negotiate';
    return send(negotiate, { proves: false, sameConnection: false });
  };
  const last = (challenge: NtlmChallenge): Reply => {
    stage = 'authenticate';
    advertised = domainOf(challenge);
    const { user, domain } = account;
    const message = authenticateMessage({
      identity: { user, domain, password: account.password.reveal(), workstation: '' },
      challenge,
      negotiate,
      targetName: `HTTP/${new URL(parts.proxyUrl).hostname}`,
      clientChallenge: randomBytes(CHALLENGE_BYTES),
      nowMs: clock.now(),
    });
    const reply = send(message, { proves: true, sameConnection: true });
    if (reply.kind === 'send') known.add(reply.authorization, 'once');
    return reply;
  };
  const failed = (reason: string): Reply => ({
    kind: 'failed',
    error: coded('AUTH-MESSAGE', { proxy, scheme: 'NTLM', reason, hop }),
  });
  return {
    scheme: 'NTLM',
    connectionBound: true,
    begin: () => Promise.resolve(first()),
    next({ token }) {
      if (stage === 'authenticate') return Promise.resolve({ kind: 'refused' });
      if (stage === 'nothing') return Promise.resolve(first());
      if (token === null) {
        const reason = 'it ignored the first message';
        return Promise.resolve({ kind: 'failed', error: coded('NTLM-CONN', { proxy, reason, hop }) });
      }
      const challenge = readChallenge(Buffer.from(token, 'base64'));
      return Promise.resolve(typeof challenge === 'string' ? failed(challenge) : last(challenge));
    },
    prepare: () => null,
    headerFor: () => null,
    advertised: () => advertised,
  };
}

function send(message: Buffer, how: { readonly proves: boolean; readonly sameConnection: boolean }): Reply {
  return { kind: 'send', authorization: new Secret(`NTLM ${message.toString('base64')}`), ...how };
}
