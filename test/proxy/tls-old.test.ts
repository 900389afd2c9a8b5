/** TLS that is too old, to the target and to a proxy itself: refused by name, or used with a warning. */
import { afterEach, describe, expect, it } from 'vitest';
import type { CodedError } from '#errors/coded-error.ts';
import { createCa } from '#test/support/certificates.ts';
import { type FaultProxy, honest, startFaultProxy } from '#test/support/fault-proxy.ts';
import { profile, type TestRouter, testRouter } from '#test/support/test-router.ts';
import { startTlsFront, type TlsFront } from '#test/support/tls-front.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const ca = createCa();
const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };
const CBC = { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-SHA' };
const OLD = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT:@SECLEVEL=0' };
const options = { bulk: false, signal: new AbortController().signal };

let open: (TlsOrigin | FaultProxy | TlsFront)[] = [];
afterEach(async () => {
  for (const one of open) await one.close();
  open = [];
});

function held<T extends TlsOrigin | FaultProxy | TlsFront>(one: T): T {
  open.push(one);
  return one;
}

const origin = async (tls: object) => held(await startTlsOrigin(ca.issue(), { tls }));

/** What opening a connection to this server comes to: `open`, or the failure. */
async function reach(router: TestRouter, { url }: TlsOrigin): Promise<CodedError | 'open'> {
  return await router
    .route('updates', url)
    .open(options)
    .then(
      (connection) => {
        connection.release();
        return 'open' as const;
      },
      (error: CodedError) => error,
    );
}

async function routerBy(way: 'direct' | 'tunnel', { port }: TlsOrigin): Promise<TestRouter> {
  if (way === 'direct') return testRouter({ trust });
  const proxy = held(await startFaultProxy(honest(port)));
  return testRouter({ trust, proxies: [profile(proxy.port)] });
}

describe.each(['direct', 'tunnel'] as const)('a target of old TLS, %s', (way) => {
  it.each([
    ['only CBC suites', CBC, 'accepts none of the cipher suites offered'],
    ['only TLS 1.1', OLD, 'no version newer than TLS 1.1'],
  ])('with %s is TLS-OLD, and named', async (_name, tls, reason) => {
    const server = await origin(tls);
    const error = await reach(await routerBy(way, server), server);
    expect(error).toMatchObject({ code: 'TLS-OLD', hop: `localhost:${server.port}` });
    expect(error === 'open' ? '' : error.safeText).toContain(reason);
    expect(server.requests).toEqual([]);
  });

  it('that prefers CBC and also has AES-GCM uses AES-GCM', async () => {
    const ciphers = 'ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES128-GCM-SHA256';
    const server = await origin({ maxVersion: 'TLSv1.2', honorCipherOrder: true, ciphers });
    expect(await reach(await routerBy(way, server), server)).toBe('open');
  });

  it('that requires our certificate is not called old', async () => {
    const server = await origin({ maxVersion: 'TLSv1.2', requestCert: true, rejectUnauthorized: true, ca: ca.cert });
    const result = await reach(await routerBy(way, server), server);
    // TLS 1.2 of Node takes the connection and drops it afterwards.
    if (result !== 'open') expect(result.code).toBe('TLS-FAILED');
  });
});

describe('a proxy over old TLS', () => {
  async function through(tls: object): Promise<{ router: TestRouter; server: TlsOrigin }> {
    const server = await origin({});
    const proxy = held(await startFaultProxy(honest(server.port)));
    const front = held(await startTlsFront(ca.issue({ names: 'IP:127.0.0.1' }), proxy.port, tls));
    const secured = { ...profile(front.port), scheme: 'https' } as const;
    return { router: testRouter({ proxies: [secured], proxyTrust: trust, trust }), server };
  }

  it('with CBC is used, with one warning that names the suite', async () => {
    const { router, server } = await through(CBC);
    expect([await reach(router, server), await reach(router, server)]).toEqual(['open', 'open']);
    const warnings = router.events.filter(({ name }) => name === 'proxy-tls-weak');
    expect(warnings).toMatchObject([{ error: { code: 'PROXY-TLS-WEAK', hop: expect.stringContaining('proxy corp') } }]);
    expect(warnings[0]).toMatchObject({ error: { facts: { suite: 'ECDHE-ECDSA-AES128-SHA', version: 'TLSv1.2' } } });
  });

  it('with TLS 1.3 is used without one', async () => {
    const { router, server } = await through({});
    expect(await reach(router, server)).toBe('open');
    expect(router.events.filter(({ name }) => name === 'proxy-tls-weak')).toEqual([]);
  });

  it('with TLS 1.1 is PROXY-TLS-OLD', async () => {
    const { router, server } = await through(OLD);
    expect(await reach(router, server)).toMatchObject({
      code: 'PROXY-TLS-OLD',
      hop: expect.stringContaining('proxy corp'),
    });
  });
});
