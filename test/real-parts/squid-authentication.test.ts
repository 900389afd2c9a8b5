// Digest and NTLM (Samba's winbindd) with a real Squid, in tunnels and in absolute form: what it accepts, what it refuses, and
// the number of requests in its log.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PURPOSES } from '#config/purposes.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { createCa } from '#test/support/certificates.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSamba, SAMBA_USER, takeSamba } from '#test/support/samba.ts';
import { type RunningSquid, type SquidOptions, startSquid } from '#test/support/squid.ts';
import { get, profile, type TestRouter, testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

type Given = NonNullable<Parameters<typeof profile>[1]>;

const plain = { bulk: false, signal: new AbortController().signal };
const ca = createCa();
const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };

let secure: TlsOrigin;
let origin: Server;
let plainUrl: URL;
let squid: RunningSquid;

beforeAll(async () => {
  secure = await startTlsOrigin(ca.issue());
  origin = createServer((_request, response) => response.end('hello in the clear')).listen(0, '127.0.0.1');
  await once(origin, 'listening');
  plainUrl = new URL(`http://127.0.0.1:${(origin.address() as AddressInfo).port}/a?b=c`);
});

afterAll(async () => {
  await secure.close();
  origin.close();
});

async function through(
  options: SquidOptions,
  given: Given,
  credentialGuard = new CredentialGuard(),
): Promise<TestRouter> {
  squid = await startSquid(options);
  return testRouter({ proxies: [profile(squid.port, given)], trust, credentialGuard });
}

async function fetchOver(router: TestRouter, url: URL, purpose = PURPOSES[0] ?? 'updates') {
  return await get(await router.route(purpose, url).open(plain), url);
}

/** `STATUS METHOD` of each line, in order. */
async function statuses(atLeast: number): Promise<string[]> {
  const lines = await squid.accessLog(atLeast);
  return lines.map((line) => line.split(' ').slice(0, 2).join(' '));
}

/** Four purposes at once, twice; the codes of what came of it. */
async function fourTwice(router: TestRouter, url: URL): Promise<unknown[]> {
  const once = () => Promise.allSettled(PURPOSES.map((purpose) => fetchOver(router, url, purpose)));
  const settled = [...(await once()), ...(await once())];
  return [
    ...new Set(settled.map((one) => (one.status === 'fulfilled' ? 'passed' : (one.reason as { code?: string }).code))),
  ];
}

describeWith(['squid'], 'Digest through a real Squid', () => {
  const user = { user: 'svc_update', password: 'grün:@/%1' };
  const given: Given = { ...user, authentication: 'digest' };
  afterEach(() => squid.stop());

  it('Digest: it works in a tunnel and in absolute form, after one challenge each', async () => {
    const router = await through({ digest: user }, given);
    expect(await fetchOver(router, secure.url)).toMatchObject({ status: 200 });
    expect(await fetchOver(router, plainUrl)).toMatchObject({ status: 200, body: expect.stringContaining('hello') });
    expect((await statuses(4)).sort()).toEqual(['200 CONNECT', '200 GET', '407 CONNECT', '407 HEAD']);
    expect((await squid.accessLog()).filter((line) => line.endsWith(' svc_update'))).toHaveLength(2);
  });

  it.each(['tunnel', 'forward'])('NTLM: four concurrent purposes send a wrong password once (%s)', async (how) => {
    const router = await through({ digest: user }, { ...given, password: 'wrong' });
    expect(await fourTwice(router, how === 'tunnel' ? secure.url : plainUrl)).toEqual(['AUTH-REJECTED']);
    // The first is the challenge that Digest needs, the second the refusal.
    expect(await statuses(2)).toEqual(how === 'tunnel' ? ['407 CONNECT', '407 CONNECT'] : ['407 HEAD', '407 GET']);
  });

  it('Digest: a profile with Basic is refused after one request', async () => {
    const router = await through({ digest: user }, { ...given, authentication: 'basic' });
    for (let round = 0; round < 3; round += 1) {
      await expect(fetchOver(router, secure.url)).rejects.toMatchObject({
        code: 'AUTH-SCHEME',
        facts: { offered: ['Digest'], configured: 'basic' },
      });
    }
    expect(await statuses(3)).toHaveLength(3);
  });
});

describeWith(['squid', 'samba'], 'NTLM through a real Squid and winbindd', () => {
  const given: Given = { ...SAMBA_USER, authentication: 'ntlm' };
  let samba: RunningSamba;
  beforeAll(async () => {
    samba = await takeSamba();
  });
  afterEach(() => squid.stop());

  describe.each(['on', 'off'])('with keep_alive %s', (keepAlive) => {
    const options = () => ({
      ...samba.squid,
      schemes: [...samba.squid.schemes, `auth_param ntlm keep_alive ${keepAlive}`],
    });

    it('NTLM: it works in a tunnel and in absolute form, with one handshake each', async () => {
      const router = await through(options(), given);
      expect(await fetchOver(router, secure.url)).toMatchObject({ status: 200 });
      expect(await fetchOver(router, plainUrl)).toMatchObject({ status: 200, body: expect.stringContaining('hello') });
      expect((await statuses(5)).sort()).toEqual(['200 CONNECT', '200 GET', '200 HEAD', '407 CONNECT', '407 HEAD']);
      expect(router.known.some((value) => value.startsWith('NTLM '))).toBe(true);
    });
  });

  it.each(['tunnel', 'forward'])('NTLM: four concurrent purposes send a wrong password once (%s)', async (how) => {
    const router = await through(samba.squid, { ...given, password: 'wrong' });
    expect(await fourTwice(router, how === 'tunnel' ? secure.url : plainUrl)).toEqual(['AUTH-REJECTED']);
    const method = how === 'tunnel' ? 'CONNECT' : 'HEAD';
    expect(await statuses(2)).toEqual([`407 ${method}`, `407 ${method}`]);
  });

  it('NTLM: without a domain, the failure names the key and the domain of the proxy', async () => {
    const router = await through(samba.squid, { ...given, domain: '', password: 'wrong' });
    await expect(fetchOver(router, secure.url)).rejects.toMatchObject({
      code: 'AUTH-DOMAIN',
      facts: { user: SAMBA_USER.user, advertised: [SAMBA_USER.domain] },
    });
  });

  it('NTLM: auto chooses it, and after a success from the first request', async () => {
    const router = await through(
      { ...samba.squid, digest: SAMBA_USER, auth: SAMBA_USER },
      { ...SAMBA_USER, authentication: 'auto' },
    );
    expect(await fetchOver(router, secure.url)).toMatchObject({ status: 200 });
    expect(await fetchOver(router, secure.url)).toMatchObject({ status: 200 });
    // Without a user, then the handshake; the second time the handshake alone.
    expect((await statuses(5)).sort()).toEqual([
      ...['200', '200', '407', '407', '407'].map((status) => `${status} CONNECT`),
    ]);
    expect(await fetchOver(router, plainUrl)).toMatchObject({ status: 200 });
  });
});
