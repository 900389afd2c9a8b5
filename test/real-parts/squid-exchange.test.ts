// What travels over real connections through a real Squid: bodies bit for bit, Via where there is one, and whose answer it is.

import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { type ExchangeResult, exchange } from '#http/exchange.ts';
import { requestDocument } from '#http/session/document.ts';
import type { Connection, Router } from '#proxy/route.ts';
import { createCa } from '#test/support/certificates.ts';
import { CountingClock } from '#test/support/counting-clock.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { type RunningSquid, type SquidOptions, startSquid } from '#test/support/squid.ts';
import { profile, testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const USER = { user: 'sensor', password: 'grün:1' };
const PACKAGE = randomBytes(6_000_000);
const DIGEST = createHash('sha256').update(PACKAGE).digest('hex');
const DEADLINES = { firstByteMs: 10_000, silenceMs: 10_000, totalMs: 20_000, key: 'response_timeout.base_ms' };
const signal = new AbortController().signal;

/** A package, an echo of what was posted, and an error of the origin's own. */
const answer: RequestListener = (request, response) => {
  if (request.url === '/denied') {
    response.writeHead(403).end('<title>Not for you</title>');
  } else if (request.method === 'POST') {
    void text(request).then((body) => response.end(body.toUpperCase()));
  } else if (request.url?.startsWith('/chunked') === true) {
    response.write(PACKAGE.subarray(0, 100_000));
    response.end(PACKAGE.subarray(100_000));
  } else {
    response
      .writeHead(200, { 'content-length': PACKAGE.length, 'content-type': 'application/java-archive' })
      .end(PACKAGE);
  }
};

describeWith(['squid'], 'an exchange through a real Squid', () => {
  const ca = createCa();
  let origin: Server;
  let plain: string;
  let secure: TlsOrigin;
  let clock: CountingClock;
  const squids: RunningSquid[] = [];

  beforeAll(async () => {
    origin = createServer(answer).listen(0, '127.0.0.1');
    await once(origin, 'listening');
    plain = `http://127.0.0.1:${(origin.address() as AddressInfo).port}`;
    secure = await startTlsOrigin(ca.issue(), { answer });
  });

  beforeEach(() => {
    clock = new CountingClock();
  });

  afterEach(async () => {
    expect(clock.pending).toBe(0);
    await Promise.all(squids.splice(0).map((squid) => squid.stop()));
  });

  afterAll(async () => {
    origin.close();
    await secure.close();
  });

  async function start(options: SquidOptions = { auth: USER }): Promise<RunningSquid> {
    const squid = await startSquid(options);
    squids.push(squid);
    return squid;
  }

  function routerTo(squid: RunningSquid, password = USER.password): Router {
    return testRouter({
      proxies: [profile(squid.port, { ...USER, password })],
      settings: { proxy_required: true },
      timeouts: { connect_timeout_ms: 5_000, tunnel_timeout_ms: 10_000, tls_timeout_ms: 5_000 },
      trust: { ca: { key: 'updates.ca_file', path: 'ca.pem', pem: ca.cert } },
      clock,
    });
  }

  function open(router: Router, url: URL, bulk: boolean): Promise<Connection> {
    return router.route('updates', url).open({ bulk, signal });
  }

  async function fetchThrough(
    router: Router,
    address: string,
  ): Promise<{ result: ExchangeResult; digest: string; connection: Connection }> {
    const url = new URL(address);
    const connection = await open(router, url, true);
    const hash = createHash('sha256');
    const result = await exchange({
      connection,
      request: { method: 'GET', url, headers: { 'User-Agent': 'Sallyport/0' } },
      deadlines: DEADLINES,
      clock,
      signal,
      expectedBytes: null,
      onHead: () => ({ write: (chunk) => hash.update(chunk) }),
    });
    return { result, digest: hash.digest('hex'), connection };
  }

  it.each(['/x.jar', '/chunked.jar'])('brings a package in absolute form bit for bit, with Via: %s', async (path) => {
    const squid = await start();

    const { result, digest, connection } = await fetchThrough(routerTo(squid), `${plain}${path}`);

    expect(connection).toMatchObject({ form: 'absolute', bulk: expect.anything() });
    expect(result).toMatchObject({ ended: 'complete', bytes: PACKAGE.length, head: { status: 200 } });
    expect(digest).toBe(DIGEST);
    expect(result.head?.via).toMatch(/^1\.1 proxy\.example\.com/);
    expect(connection.socket.destroyed).toBe(true);
    expect(await squid.accessLog(1)).toEqual([`200 GET ${plain}${path} sensor`]);
  });

  it('exchange through Squid: a package arrives unchanged, and no proxy header leaves the tunnel', async () => {
    const squid = await start();

    const { result, digest, connection } = await fetchThrough(routerTo(squid), new URL('x.jar', secure.url).href);

    expect(connection.form).toBe('origin');
    expect(result).toMatchObject({ ended: 'complete', bytes: PACKAGE.length, head: { status: 200, via: null } });
    expect(digest).toBe(DIGEST);
    expect(secure.requests.at(-1)).toEqual({ method: 'GET', url: '/x.jar', proxyHeaders: [] });
    expect(await squid.accessLog(1)).toEqual([`200 CONNECT localhost:${secure.port} sensor`]);
  });

  it('posts a document in absolute form and through a tunnel', async () => {
    const squid = await start();
    const router = routerTo(squid);

    for (const url of [new URL(`${plain}/ack`), new URL('ack', secure.url)]) {
      const connection = await open(router, url, false);
      const headers = { 'User-Agent': 'Sallyport/0', 'Content-Type': 'application/json' };
      const { head, body } = await requestDocument({
        connection,
        request: { method: 'POST', url, headers, body: '{"id":"x"}' },
        deadlines: DEADLINES,
        limitBytes: 1_000,
        clock,
        signal,
      });

      expect([head.status, body.toString()]).toEqual([200, '{"ID":"X"}']);
      expect(connection.socket.destroyed).toBe(true);
    }
    expect(secure.requests.at(-1)?.proxyHeaders).toEqual([]);
    expect(await squid.accessLog(2)).toEqual([
      `200 POST ${plain}/ack sensor`,
      `200 CONNECT localhost:${secure.port} sensor`,
    ]);
  });

  it("knows the origin's refusal from the proxy's", async () => {
    const squid = await start({ auth: USER, allowPorts: [Number(new URL(plain).port)] });
    const router = routerTo(squid);

    const ours = await fetchThrough(router, 'http://127.0.0.1:9/x.jar');
    const theirs = await fetchThrough(router, `${plain}/denied`);

    expect(ours.result).toMatchObject({
      ended: 'failed',
      error: { code: 'POLICY-DENIED', facts: { status: 403, said: 'ERR_ACCESS_DENIED' } },
    });
    expect(theirs.result).toMatchObject({ ended: 'complete', head: { status: 403 } });
  });

  it('says of an unknown host that the proxy cannot reach it', async () => {
    const squid = await start();

    const { result } = await fetchThrough(routerTo(squid), 'http://no-such-host.invalid/x.jar');

    expect(result).toMatchObject({ ended: 'failed', error: { code: 'PROXY-UPSTREAM' } });
  });

  it('tries a wrong password once, however often it is asked', async () => {
    const squid = await start();
    const router = routerTo(squid, 'wrong');

    const { result } = await fetchThrough(router, `${plain}/x.jar`);
    await expect(open(router, new URL(`${plain}/y.jar`), true)).rejects.toMatchObject({ code: 'AUTH-REJECTED' });

    expect(result).toMatchObject({ ended: 'failed', error: { code: 'AUTH-REJECTED' } });
    expect(await squid.accessLog(1)).toHaveLength(1);
  });
});
