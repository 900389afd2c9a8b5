/** A login of tests: its own ledger, which keeps the verdicts in the order in which they came. */
import type { Account } from '#proxy/account.ts';
import type { Admission, AdmitOptions } from '#proxy/auth/attempt.ts';
import { Ledger } from '#proxy/auth/ledger.ts';
import { type Login, openLogin } from '#proxy/auth/login.ts';
import { makeHop } from '#proxy/hop.ts';
import type { ProxyProfile } from '#proxy/profile.ts';

export class SpyLedger extends Ledger {
  readonly verdicts: string[] = [];

  override async admit(account: Account, options: AdmitOptions): Promise<Admission> {
    const admission = await super.admit(account, options);
    if (admission.kind === 'refused') return admission;
    const { attempt } = admission;
    const note = (verdict: 'accepted' | 'rejected' | 'unknown') => () => {
      this.verdicts.push(verdict);
      attempt[verdict]();
    };
    const [accepted, rejected, unknown] = [note('accepted'), note('rejected'), note('unknown')];
    return { kind: 'admitted', attempt: { ...attempt, accepted, rejected, unknown } };
  }
}

export async function testLogin(
  profile: ProxyProfile,
  ledger: SpyLedger = new SpyLedger(),
): Promise<{ readonly login: Login; readonly ledger: SpyLedger; readonly known: string[] }> {
  const known: string[] = [];
  const login = await openLogin({
    hop: makeHop(profile, { scheme: 'http', address: '127.0.0.1', port: profile.port }),
    ledger,
    known: { add: (secret) => known.push(secret.reveal()) },
    retryMs: 0,
    forwardOrigin: null,
    signal: new AbortController().signal,
  });
  return { login, ledger, known };
}
