import { describe, expect, it } from 'vitest';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { candidateInfoOf } from '#proxy/auth/lend.ts';
import { type Candidate, makeHop } from '#proxy/hop.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { profile } from '#test/support/test-router.ts';

const signal = new AbortController().signal;

function rig(authentication: 'basic' | 'ntlm' | 'auto' = 'basic') {
  const clock = new FakeClock();
  const credentialGuard = new CredentialGuard({ clock });
  const account = profile(3_128, { password: 'sesame', authentication });
  const hop = makeHop(account, { scheme: 'http', address: '127.0.0.1', port: 3_128 });
  const candidate: Candidate = { kind: 'proxy', hop, reasons: [] };
  const { proxy } = candidateInfoOf(candidate, { credentialGuard, retryMs: 0, how: 'tunnel' });
  if (proxy === null) throw new Error('no proxy');
  const key = { user: 'svc', domain: '', shown: 'svc', key: 'svc', password: hop.profile.password ?? fail() };
  /** The work shows the password to a proxy, which accepts or refuses it. */
  const worked = async (verdict: 'accepted' | 'rejected', proxyUrl = hop.url) => {
    const permit = await credentialGuard.requestPermit(key, { proxyUrl, retryMs: 0, signal });
    if (permit.kind === 'refused') throw new Error('refused');
    await permit.attempt.sending();
    permit.attempt[verdict]();
  };
  return { clock, credentialGuard, proxy, worked };
}

function fail(): never {
  throw new Error('no password');
}

describe('lending an account', () => {
  it('lend: an account that this proxy accepted by Basic since then, once per request', async () => {
    const { clock, proxy, worked } = rig();
    const sinceMs = clock.monotonic();
    await worked('accepted');
    const loan = await proxy.lend(sinceMs, signal);
    expect([loan?.user, loan?.password.reveal()]).toEqual(['svc', 'sesame']);
    loan?.returned();
    expect(await proxy.lend(sinceMs, signal)).not.toBeNull();
  });

  it('lend: no account that was not accepted, accepted earlier, or by another proxy only', async () => {
    const { clock, proxy, worked } = rig();
    expect(await proxy.lend(0, signal)).toBeNull();
    await worked('accepted', 'http://127.0.0.1:8080');
    expect(await proxy.lend(0, signal)).toBeNull();
    await worked('accepted');
    clock.advance(1_000);
    expect(await proxy.lend(clock.monotonic(), signal)).toBeNull();
  });

  it('lend: no account that was refused meanwhile', async () => {
    const { proxy, worked } = rig();
    await worked('accepted');
    await worked('rejected');
    expect(await proxy.lend(0, signal)).toBeNull();
  });

  it('lend: a refusal of a lent account counts for the borrower and for the work', async () => {
    const { proxy, worked } = rig();
    await worked('accepted');
    (await proxy.lend(0, signal))?.refused();
    expect(await proxy.lend(0, signal)).toBeNull();
    await expect(worked('accepted')).rejects.toThrow('refused');
  });

  it.each(['ntlm', 'auto'] as const)(
    'lend: no password that may have been proven by another scheme: %s',
    async (scheme) => {
      const { credentialGuard, proxy, worked } = rig(scheme);
      credentialGuard.rememberWorked('http://127.0.0.1:3128', 'NTLM');
      await worked('accepted');
      expect(await proxy.lend(0, signal)).toBeNull();
    },
  );
});
