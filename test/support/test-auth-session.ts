/** An `AuthSession` for tests, with its own credential guard, which records the verdicts in order. */
import type { Account } from '#proxy/account.ts';
import { type AuthSession, openAuthSession } from '#proxy/auth/auth-session.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import type { Permit, PermitOptions } from '#proxy/auth/permit.ts';
import { makeHop } from '#proxy/hop.ts';
import type { ProxyProfile } from '#proxy/profile.ts';

export class SpyCredentialGuard extends CredentialGuard {
  readonly verdicts: string[] = [];

  override async requestPermit(account: Account, options: PermitOptions): Promise<Permit> {
    const permit = await super.requestPermit(account, options);
    if (permit.kind === 'refused') return permit;
    const { attempt } = permit;
    const note = (verdict: 'accepted' | 'rejected' | 'unknown') => () => {
      this.verdicts.push(verdict);
      attempt[verdict]();
    };
    const [accepted, rejected, unknown] = [note('accepted'), note('rejected'), note('unknown')];
    return { kind: 'granted', attempt: { ...attempt, accepted, rejected, unknown } };
  }
}

export async function testAuthSession(
  profile: ProxyProfile,
  credentialGuard: SpyCredentialGuard = new SpyCredentialGuard(),
): Promise<{
  readonly authSession: AuthSession;
  readonly credentialGuard: SpyCredentialGuard;
  readonly known: string[];
}> {
  const known: string[] = [];
  const authSession = await openAuthSession({
    hop: makeHop(profile, { scheme: 'http', address: '127.0.0.1', port: profile.port }),
    credentialGuard,
    known: { add: (secret) => known.push(secret.reveal()) },
    retryMs: 0,
    forwardOrigin: null,
    signal: new AbortController().signal,
  });
  return { authSession, credentialGuard, known };
}
