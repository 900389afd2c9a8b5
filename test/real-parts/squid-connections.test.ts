// Connections through a real Squid: what it grants, what it refuses, and what its own log says of us.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { PURPOSES } from '#config/purposes.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { createCa } from '#test/support/certificates.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSquid, type SquidOptions, startSquid } from '#test/support/squid.ts';
import { reach } from '#test/support/targets.ts';
import { get, profile, type TestRouter, testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const USER = { user: 'svc_update', password: 'grün:@/%1' };
const plain = { bulk: false, signal: new AbortController().signal };

describeWith(['squid'], 'connections through a real Squid', () => {
  const ca = createCa();
  const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };
  let secure: TlsOrigin;
  let origin: Server;
  let plainUrl: URL;
  let squid: RunningSquid | undefined;

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

  afterEach(async () => {
    await squid?.stop();
    squid = undefined;
  });

  async function through(options: SquidOptions, basic?: { user?: string; password: string }): Promise<TestRouter> {
    squid = await startSquid(options);
    return testRouter({ proxies: [profile(squid.port, basic)], trust, userAgent: 'Sallyport/1.0.0' });
  }

  async function statuses(atLeast: number): Promise<string[]> {
    const lines = await (squid as RunningSquid).accessLog(atLeast);
    return lines.map((line) => line.split(' ').slice(0, 2).join(' '));
  }

  async function failureOf(opening: Promise<unknown>): Promise<unknown> {
    return opening.then(
      () => null,
      (error: unknown) => error,
    );
  }

  it('connections through Squid: a 407 of the target does not reject the password', async () => {
    const asking = createServer((_request, response) => {
      response.writeHead(407, { 'Proxy-Authenticate': 'Basic realm="not the proxy"' }).end();
    }).listen(0, '127.0.0.1');
    await once(asking, 'listening');
    const url = new URL(`http://127.0.0.1:${(asking.address() as AddressInfo).port}/`);
    squid = await startSquid({ auth: USER });
    const account = { ...USER, authentication: 'basic' } as const;
    const router = testRouter({ proxies: [profile(squid.port, account)], trust });
    expect(await reach(router, url)).toBe('ORIGIN-407');
    expect(await get(await router.route('updates', plainUrl).open(plain), plainUrl)).toMatchObject({ status: 200 });
    asking.close();
  });

  it('carry https in a tunnel and http in absolute form', async () => {
    const router = await through({});
    const tunnel = await router.route('updates', secure.url).open(plain);
    expect(await get(tunnel, secure.url)).toMatchObject({ status: 200 });
    const forward = await router.route('updates', plainUrl).open({ ...plain, bulk: true });
    const answer = await get(forward, plainUrl);
    expect(answer).toMatchObject({ status: 200, body: expect.stringContaining('hello in the clear') });
    expect(answer.head).toMatch(/^via: 1\.1 proxy\.example\.com/im);
    expect((await statuses(2)).sort()).toEqual(['200 CONNECT', '200 GET']);
    expect(router.events.map(({ name }) => name)).toEqual(['connected', 'connected']);
  });

  it('carry a Basic credential that is right: one request each, none refused first', async () => {
    const router = await through({ auth: USER }, USER);
    const connection = await router.route('updates', secure.url).open(plain);
    expect(await get(connection, secure.url)).toMatchObject({ status: 200 });
    const forward = await router.route('updates', plainUrl).open(plain);
    expect(await get(forward, plainUrl)).toMatchObject({ status: 200 });
    expect((await statuses(2)).sort()).toEqual(['200 CONNECT', '200 GET']);
    expect((await squid?.accessLog())?.every((line) => line.endsWith(' svc_update'))).toBe(true);
    expect(secure.requests.at(-1)?.proxyHeaders).toEqual([]);
  });

  it.each(['tunnel', 'forward'])(
    'connections through Squid: four concurrent purposes send a wrong password once (%s)',
    async (how) => {
      const router = await through({ auth: USER }, { ...USER, password: 'wrong' });
      const url = how === 'tunnel' ? secure.url : plainUrl;
      const round = () =>
        Promise.all(
          PURPOSES.map((purpose) =>
            failureOf(
              router
                .route(purpose, url)
                .open(plain)
                .then((connection) => get(connection, url)),
            ),
          ),
        );
      for (const failure of [...(await round()), ...(await round())]) {
        expect(failure).toMatchObject({ code: 'AUTH-REJECTED', facts: { user: 'svc_update', scheme: 'Basic' } });
      }
      expect(await statuses(1)).toEqual([how === 'tunnel' ? '407 CONNECT' : '407 GET']);
    },
  );

  it('say what Squid asks for where no user is configured', async () => {
    const router = await through({ auth: USER });
    const expected = { code: 'AUTH-REQUIRED', facts: { offered: ['Basic'], realm: 'a test' } };
    expect(await failureOf(router.route('updates', secure.url).open(plain))).toMatchObject(expected);
    const forward = await router.route('updates', plainUrl).open(plain);
    expect(await failureOf(get(forward, plainUrl))).toMatchObject(expected);
  });

  it('connections through Squid: a denial by its rules is reported with its own term', async () => {
    const router = await through({ allowPorts: [1] });
    const expected = { code: 'POLICY-DENIED', facts: { status: 403, said: 'ERR_ACCESS_DENIED', proxy: 'corp' } };
    expect(await failureOf(router.route('updates', secure.url).open(plain))).toMatchObject(expected);
    const forward = await router.route('updates', plainUrl).open(plain);
    expect(await failureOf(get(forward, plainUrl))).toMatchObject(expected);
  });

  it('tell a host that Squid cannot reach from a refusal', async () => {
    const router = await through({});
    for (const url of ['https://no-such-host.invalid/', 'https://127.0.0.1:1/']) {
      expect(await failureOf(router.route('updates', new URL(url)).open(plain))).toMatchObject({
        code: 'PROXY-UPSTREAM',
        facts: { said: expect.stringMatching(/^ERR_/) },
      });
    }
    const url = new URL('http://no-such-host.invalid/');
    const forward = await router.route('updates', url).open(plain);
    expect(await failureOf(get(forward, url))).toMatchObject({ code: 'PROXY-UPSTREAM' });
  });

  it('never resolve a target here: names that only Squid knows work', async () => {
    const router = await through({ hosts: ['updates.example.com'] });
    const url = new URL(`https://updates.example.com:${secure.port}/`);
    expect(await get(await router.route('updates', url).open(plain), url)).toMatchObject({ status: 200 });
  });

  it('connections through Squid: a password is tried again only after it was changed', async () => {
    const credentialGuard = new CredentialGuard();
    const at = async (password: string) => {
      squid ??= await startSquid({ auth: USER });
      const proxies = [profile(squid.port, { user: USER.user, password })];
      return testRouter({ proxies, trust, credentialGuard }).route('updates', secure.url).open(plain);
    };
    expect(await failureOf(at('old'))).toMatchObject({ code: 'AUTH-REJECTED' });
    expect(await failureOf(at('old'))).toMatchObject({ code: 'AUTH-REJECTED' });
    (await at(USER.password)).release();
    expect(await statuses(2)).toEqual(['407 CONNECT', '200 CONNECT']);
  });
});
