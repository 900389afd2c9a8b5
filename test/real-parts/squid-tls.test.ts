// TLS and a real Squid: spoken to over TLS itself, and asked on the wrong port.

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { ProxyProfile } from '#proxy/profile.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { Secret } from '#redaction/secret.ts';
import { createCa } from '#test/support/certificates.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSquid, type SquidOptions, startSquid } from '#test/support/squid.ts';
import { get, profile, testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const plain = { bulk: false, signal: new AbortController().signal };
const proxyCa = createCa('Proxy CA');
const originCa = createCa('Origin CA');
const trustIn = (pem: string, key: string): TlsTrust => ({ ca: { key, path: '/ca.pem', pem } });
const trust = trustIn(originCa.cert, 'updates.ca_file');
const proxyTrust = trustIn(proxyCa.cert, 'proxies[0].ca_file');
const USER = { user: 'svc_update', password: 'open sesame' };

let origin: TlsOrigin;
let squid: RunningSquid | undefined;
beforeAll(async () => {
  origin = await startTlsOrigin(originCa.issue());
});
afterAll(() => origin.close());
afterEach(async () => {
  await squid?.stop();
  squid = undefined;
  origin.requests.length = 0;
});

describeWith(['squid'], 'a Squid that is spoken to over TLS', () => {
  async function over(options: SquidOptions, more: Partial<ProxyProfile> = {}, trusted: TlsTrust = proxyTrust) {
    squid = await startSquid({ tls: proxyCa.issue(), ...options });
    const corp = { ...profile(squid.tlsPort), scheme: 'https', ...more } as const;
    return testRouter({ proxies: [corp], trust, proxyTrust: trusted });
  }

  it('Squid over TLS: it opens tunnels for TLS to the target, and auto chooses Basic', async () => {
    const account = { authentication: 'auto', user: USER.user, password: new Secret(USER.password) } as const;
    const router = await over({ auth: USER }, account);
    const connection = await router.route('updates', origin.url).open(plain);
    expect(await get(connection, origin.url)).toMatchObject({ status: 200 });
    expect(await squid?.accessLog(2)).toEqual([
      `407 CONNECT localhost:${origin.port} -`,
      `200 CONNECT localhost:${origin.port} svc_update`,
    ]);
  });

  it('sees the certificate that it asks for', async () => {
    const own = proxyCa.issue({ client: true });
    const at = (key: string) => ({ key, path: '/own' });
    const tls = { ...proxyCa.issue(), clientCa: proxyCa.cert };
    squid = await startSquid({ tls });
    const corp = { ...profile(squid.tlsPort), scheme: 'https' } as const;
    const open = async (proxies: TlsTrust) => {
      const router = testRouter({ proxies: [corp], trust, proxyTrust: proxies });
      return await router.route('updates', origin.url).open(plain);
    };
    await expect(open(proxyTrust)).rejects.toMatchObject({
      code: 'PROXY-TLS-FAILED',
      trace: { phase: 'proxy_tls', proven: ['dial'] },
    });
    const client = {
      certificate: { ...at('proxies[0].client_certificate.certificate_file'), pem: own.cert },
      privateKey: { ...at('proxies[0].client_certificate.key_file'), pem: new Secret(own.key) },
      origins: [`https://127.0.0.1:${corp.port}`],
    };
    expect(await get(await open({ ...proxyTrust, client }), origin.url)).toMatchObject({ status: 200 });
  });

  it('Squid over TLS: a TLS port and a plain port are distinguished', async () => {
    squid = await startSquid({ tls: proxyCa.issue() });
    const failureOf = (port: number, scheme: 'http' | 'https') =>
      testRouter({ proxies: [{ ...profile(port), scheme }], trust, proxyTrust })
        .route('updates', origin.url)
        .open(plain)
        .catch((error: unknown) => error);
    expect(await failureOf(squid.port, 'https')).toMatchObject({ code: 'PROXY-SCHEME', facts: { wanted: 'http' } });
    // Squid closes without a word here: that it may be a matter of the scheme is all that can be said.
    expect(await failureOf(squid.tlsPort, 'http')).toMatchObject({
      code: 'TUNNEL-CLOSED',
      check: expect.stringContaining('scheme: https'),
    });
  });
});
