import { describe, expect, it } from 'vitest';
import { proxyAt } from '#errors/hop.ts';
import type { Challenge } from '#proxy/auth/schemes/challenge.ts';
import { negotiateAuthenticator } from '#proxy/auth/schemes/negotiate.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { fakeKerberos as library } from '#test/support/fake-kerberos.ts';

const LINE = { method: 'CONNECT', target: 'updates.example.com:443' };
const PARTS = {
  proxy: 'corp',
  hop: proxyAt('corp', 'proxy.example.com:3128'),
  proxyUrl: 'http://proxy.example.com:3128',
  signal: new AbortController().signal,
};

function negotiate(token: string | null): Challenge {
  return { scheme: 'Negotiate', params: new Map(), token };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('Negotiate', () => {
  it('Negotiate: sends a ticket for the name of the proxy at once, and delegates nothing', async () => {
    const known: string[] = [];
    const { asked, load } = library((challenge) => `token(${challenge})`);
    const made = negotiateAuthenticator({ ...PARTS, known: { add: (secret) => known.push(secret.reveal()) } }, load);
    const reply = await made.begin(LINE);
    expect(reply).toMatchObject({ kind: 'send', proves: true, sameConnection: false });
    expect(known).toEqual(['Negotiate token()']);
    expect(asked).toEqual([['HTTP@proxy.example.com', { mechOID: 6, flags: 6 }]]);
    expect(made.connectionBound).toBe(true);
  });

  it('Negotiate: continues on the same connection; a bare challenge is a refusal', async () => {
    const { load } = library((challenge) => `token(${challenge})`);
    const known: string[] = [];
    const made = negotiateAuthenticator({ ...PARTS, known: { add: (secret) => known.push(secret.reveal()) } }, load);
    expect(await made.next(negotiate(null), LINE)).toMatchObject({ kind: 'send', sameConnection: false });
    expect(await made.next(negotiate('abc'), LINE)).toMatchObject({ kind: 'send', sameConnection: true });
    expect(known).toEqual(['Negotiate token()', 'Negotiate token(abc)']);
    expect(await made.next(negotiate(null), LINE)).toEqual({ kind: 'refused' });
  });

  it('Negotiate: says what to install if the package is missing', async () => {
    const absent = () => Promise.reject(Object.assign(new Error('x'), { code: 'ERR_MODULE_NOT_FOUND' }));
    const made = negotiateAuthenticator({ ...PARTS, known: { add() {} } }, absent);
    const reply = await made.begin(LINE);
    expect(reply).toMatchObject({
      kind: 'failed',
      error: { code: 'NEGOTIATE-UNAVAILABLE', facts: { reason: 'it is not installed' } },
    });
    expect(reply?.kind === 'failed' ? reply.error.check : '').toContain('Install the npm package kerberos');
  });

  it.each([
    ['http://proxy.example.com:3128', 'No Kerberos credentials available'],
    ['http://10.1.1.5:3128', 'a ticket needs a host name, not an IP address'],
    ['http://[2001:db8::1]:3128', 'a ticket needs a host name, not an IP address'],
  ])('Negotiate: says why there is no ticket for %s: %s', async (proxyUrl, reason) => {
    const { load } = library(() => {
      throw new Error('No Kerberos credentials available');
    });
    const made = negotiateAuthenticator({ ...PARTS, proxyUrl, known: { add() {} } }, load);
    expect(await made.begin(LINE)).toMatchObject({ kind: 'failed', error: { code: 'AUTH-TICKET', facts: { reason } } });
  });

  it('Negotiate: calls the library one at a time, and not for callers that gave up', async () => {
    const clock = new FakeClock();
    const { promise: silence, resolve: answers } = Promise.withResolvers<string>();
    const { asked, load } = library(() => '');
    const slow = await load();
    const made = {
      ...slow,
      initializeClient: (...of: Parameters<typeof slow.initializeClient>) => {
        void slow.initializeClient(...of);
        return Promise.resolve({ step: () => silence });
      },
    };
    const parts = { ...PARTS, known: { add() {} } };
    const begin = () => negotiateAuthenticator(parts, () => Promise.resolve(made), clock).begin(LINE);
    const early = [begin(), begin(), begin(), begin()];
    await turn();
    expect(asked).toHaveLength(1);
    clock.advance(10_000);
    expect((await Promise.all(early)).map((reply) => reply?.kind)).toEqual(Array(4).fill('failed'));
    const late = begin();
    answers('a token');
    expect(await late).toMatchObject({ kind: 'send' });
    expect(asked).toHaveLength(2);
  });

  it('Negotiate: the wait for the servers of the realm is bounded and can be aborted', async () => {
    const stuck = () => new Promise<never>(() => {});
    const clock = new FakeClock();
    const made = negotiateAuthenticator({ ...PARTS, known: { add() {} } }, stuck, clock);
    const late = made.begin(LINE);
    clock.advance(10_000);
    expect(await late).toMatchObject({
      kind: 'failed',
      error: { code: 'AUTH-TICKET', facts: { reason: 'no ticket within 10000 ms' } },
    });
    const controller = new AbortController();
    const parts = { ...PARTS, signal: controller.signal, known: { add() {} } };
    const aborted = negotiateAuthenticator(parts, stuck, clock).begin(LINE);
    controller.abort(new Error('stop'));
    await expect(aborted).rejects.toThrow('stop');
    expect(clock.pending).toBe(0);
  });
});
