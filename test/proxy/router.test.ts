import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PURPOSE_TABLE, PURPOSES } from '#config/purposes.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { originAt, proxyAt } from '#errors/hop.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import type { ObservedStep } from '#proxy/connect-observer.ts';
import { createCa } from '#test/support/certificates.ts';
import { FAULTS, type FaultProxy, honest, type Script, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { forAll, get, profile, testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';
import { UPDATER } from '#test/support/updater.ts';

const never = new AbortController().signal;
const plain = { bulk: false, signal: never };
const ca = createCa();
const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };

let secureOrigin: TlsOrigin;
let plainOrigin: Server;
let plainUrl: URL;
beforeAll(async () => {
  secureOrigin = await startTlsOrigin(ca.issue());
  plainOrigin = createServer((_request, response) => response.end('hello in the clear')).listen(0, '127.0.0.1');
  await once(plainOrigin, 'listening');
  plainUrl = new URL(`http://127.0.0.1:${(plainOrigin.address() as AddressInfo).port}/some?query=1`);
});
afterAll(async () => {
  await secureOrigin.close();
  plainOrigin.close();
});

let proxy: FaultProxy | undefined;
afterEach(async () => {
  await proxy?.close();
  proxy = undefined;
});

/** A port on which nothing listens any more. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

async function proxied(script: Script): Promise<number> {
  proxy = await startFaultProxy(script);
  return proxy.port;
}

describe('a route', () => {
  it.each([
    ['https://updates.example.com/feed', 'tunnel', 443],
    ['http://updates.example.com/feed', 'forward', 80],
    ['wss://updates.example.com:8443/', 'tunnel', 8443],
    ['ws://updates.example.com/', 'tunnel', 80],
  ])('to %s through a proxy is a %s', (url, how) => {
    const route = testRouter({ proxies: [profile(3128)] }).route('updates', new URL(url));
    expect(route).toMatchObject({
      how,
      proxy: 'corp',
      reasons: [
        { kind: 'use', purpose: 'updates', use: 'default' },
        { kind: 'default', index: 0, name: 'corp' },
      ],
    });
  });

  it('without proxies is direct', () => {
    const route = testRouter().route('updates', new URL('https://updates.example.com/'));
    expect(route).toMatchObject({ how: 'direct', proxy: null });
  });

  it('a route: proxy_required refuses a direct connection before anything is dialed', () => {
    const router = testRouter({ settings: { proxy_required: true } });
    expect(() => router.route('updates', plainUrl)).toThrow(expect.objectContaining({ code: 'POLICY-DIRECT' }));
  });

  it.each(['ftp://x/', 'file:///etc/passwd', 'data:,x'])('to %s does not exist', (url) => {
    expect(() => testRouter().route('updates', new URL(url))).toThrow(expect.objectContaining({ code: 'URL-INVALID' }));
  });
});

describe('a direct connection', () => {
  it.each([false, true])('forwards http (bulk %s) and reports the attempt', async (bulk) => {
    const router = testRouter();
    const connection = await router.route('updates', plainUrl).open({ bulk, signal: never });
    expect([connection.form, connection.bulk !== null, connection.facts.hop]).toEqual([
      'origin',
      bulk,
      originAt(plainUrl.host),
    ]);
    expect(await get(connection, plainUrl)).toMatchObject({ status: 200, body: expect.stringContaining('hello') });
    expect(router.events).toEqual([
      { name: 'connected-direct', ...UPDATER, host: '127.0.0.1', port: Number(plainUrl.port) },
    ]);
    expect(connection.socket.destroyed).toBe(true);
  });

  it.each([false, true])('forwards https (bulk asked for: %s), with TLS done and no bulk', async (bulk) => {
    const connection = await testRouter({ trust }).route('updates', secureOrigin.url).open({ bulk, signal: never });
    expect(connection.bulk).toBeNull();
    expect(await get(connection, secureOrigin.url)).toMatchObject({ status: 200 });
  });

  it('is not reported if it fails', async () => {
    const router = testRouter();
    const opening = router.route('updates', secureOrigin.url).open(plain);
    await expect(opening).rejects.toMatchObject({ code: 'TLS-UNTRUSTED', hop: secureOrigin.url.host });
    expect(router.events).toEqual([]);
  });
});

describe('router: a report', () => {
  it.each(PURPOSE_TABLE)('has the purpose $name and the thread $thread', async ({ name, thread }) => {
    const backup = { ...profile(await proxied(honest(secureOrigin.port))), name: 'backup', default: false };
    const corp = { ...profile(await closedPort()), fallback: ['backup'] };
    const router = testRouter({ proxies: [corp, backup], trust });
    (await router.route(name, secureOrigin.url).open(plain)).release();
    const direct = testRouter();
    (await direct.route(name, plainUrl).open(plain)).release();

    expect([...router.events, ...direct.events]).toMatchObject([
      { name: 'failed-over', purpose: name, thread },
      { name: 'connected', purpose: name, thread },
      { name: 'connected-direct', purpose: name, thread },
    ]);
  });
});

describe('a tunnel connection', () => {
  it('a tunnel: it carries https through CONNECT and contains no proxy credentials', async () => {
    const port = await proxied(honest(secureOrigin.port));
    const router = testRouter({
      proxies: [profile(port, { password: 'open sesame' })],
      trust,
      userAgent: 'Sallyport/1',
    });
    const connection = await router.route('updates', secureOrigin.url).open(plain);
    expect([connection.form, connection.bulk, connection.headersFor('GET', '/')]).toEqual(['origin', null, {}]);
    expect(connection.facts).toMatchObject({
      how: 'tunnel',
      host: 'localhost',
      hop: proxyAt('corp', `127.0.0.1:${port}`),
    });
    expect(await get(connection, secureOrigin.url)).toMatchObject({ status: 200 });

    expect(proxy?.heads[0]).toContain(`CONNECT localhost:${secureOrigin.port} HTTP/1.1\r\n`);
    expect(proxy?.heads[0]).toContain('User-Agent: Sallyport/1\r\n');
    expect(secureOrigin.requests.at(-1)?.proxyHeaders).toEqual([]);
    expect(router.events).toMatchObject([{ name: 'connected', host: 'localhost', proxy: 'corp', how: 'tunnel' }]);
    expect(router.known).toContain('svc:open sesame');
    await proxy?.allClosed();
  });

  it('also forwards http if tunnel_http is true: origin form, and no credential inside', async () => {
    const port = await proxied(honest(Number(plainUrl.port)));
    const corp = { ...profile(port, { password: 'open sesame' }), tunnel_http: true };
    const route = testRouter({ proxies: [corp] }).route('updates', plainUrl);
    expect(route.how).toBe('tunnel');
    const connection = await route.open({ bulk: true, signal: never });
    expect([connection.form, connection.bulk, connection.headersFor('GET', '/')]).toEqual(['origin', null, {}]);
    expect(await get(connection, plainUrl)).toMatchObject({
      status: 200,
      body: expect.stringContaining('in the clear'),
    });
    expect(proxy?.heads[0]).toContain(`CONNECT ${plainUrl.host} HTTP/1.1\r\n`);
    expect(proxy?.heads[0]).toContain('Proxy-Authorization: Basic ');
  });

  it('a tunnel: a CONNECT that the proxy refuses for http is not repeated in absolute form', async () => {
    const port = await proxied(says('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'));
    const router = testRouter({ proxies: [{ ...profile(port), tunnel_http: true }] });
    await expect(router.route('updates', plainUrl).open(plain)).rejects.toMatchObject({ code: 'POLICY-DENIED' });
    expect(proxy?.heads).toHaveLength(1);
  });

  it('passes bytes after the 200 to TLS, instead of losing them', async () => {
    const port = await proxied((client) => {
      client.write('HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH_9.2\r\n');
    });
    const router = testRouter({ proxies: [profile(port)], trust, timeouts: { tls_timeout_ms: 5_000 } });
    await expect(router.route('updates', secureOrigin.url).open(plain)).rejects.toMatchObject({
      code: 'TLS-FAILED',
      facts: { reason: 'wrong version number' },
    });
    await proxy?.allClosed();
  });

  it('a tunnel: if the proxy grants it and then stays silent, the failure names TLS', async () => {
    const port = await proxied(FAULTS.grantsThenSilence);
    const router = testRouter({ proxies: [profile(port)], trust, timeouts: { tls_timeout_ms: 50 } });
    await expect(router.route('updates', secureOrigin.url).open(plain)).rejects.toMatchObject({ code: 'TLS-TIMEOUT' });
    await proxy?.allClosed();
  });

  it('ends at the abort in any phase, without a socket', async () => {
    const scripts: readonly Script[] = [FAULTS.silent, FAULTS.grantsThenSilence];
    for (const script of scripts) {
      const controller = new AbortController();
      const port = await proxied((client, head, earlier) => {
        script(client, head, earlier);
        setImmediate(() => controller.abort(new Error('stop')));
      });
      const opening = testRouter({ proxies: [profile(port)], trust })
        .route('updates', secureOrigin.url)
        .open({ bulk: false, signal: controller.signal });
      await expect(opening).rejects.toThrow('stop');
      await proxy?.allClosed();
      await proxy?.close();
    }
    await expect(
      testRouter()
        .route('updates', plainUrl)
        .open({ bulk: false, signal: AbortSignal.abort(new Error('before')) }),
    ).rejects.toThrow('before');
  });
});

describe('a forward connection', () => {
  const answer = 'HTTP/1.1 200 OK\r\nVia: 1.1 proxy.example.com\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello';

  it.each([false, true])('uses absolute form with the credential (bulk %s)', async (bulk) => {
    const port = await proxied(says(answer));
    const router = testRouter({ proxies: [profile(port, { password: 'open sesame', domain: 'CORP' })] });
    const connection = await router.route('updates', plainUrl).open({ bulk, signal: never });
    expect([connection.form, connection.bulk !== null]).toEqual(['absolute', bulk]);
    expect(await get(connection, plainUrl)).toMatchObject({ status: 200, body: 'hello' });

    expect(proxy?.heads[0]).toContain(`GET ${plainUrl.href} HTTP/1.1\r\n`);
    expect(proxy?.heads[0]).toContain(`Proxy-Authorization: Basic ${btoa('CORP\\svc:open sesame')}\r\n`);
    expect(router.events).toMatchObject([{ name: 'connected', host: '127.0.0.1', proxy: 'corp', how: 'forward' }]);
    expect(JSON.stringify(connection.facts)).not.toContain('sesame');
  });

  it('throws the proxy’s own refusal and keeps the origin’s', async () => {
    const denied = 'HTTP/1.1 403 Forbidden\r\nX-Squid-Error: ERR_ACCESS_DENIED 0\r\nConnection: close\r\n\r\n';
    const port = await proxied((client, _head, earlier) =>
      client.end(earlier === 0 ? denied : denied.replace('X-Sq', 'Y')),
    );
    const route = testRouter({ proxies: [profile(port)] }).route('updates', plainUrl);
    await expect(get(await route.open(plain), plainUrl)).rejects.toMatchObject({ code: 'POLICY-DENIED' });
    expect(await get(await route.open(plain), plainUrl)).toMatchObject({ status: 403 });
  });
});

describe('a wrong password', () => {
  const refusal =
    'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="CORP"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
  const hasCredential = (head: string) => /^proxy-authorization:/im.test(head);

  it('costs one attempt for four purposes at once, in tunnels', async () => {
    const port = await proxied(says(refusal));
    const router = testRouter({ proxies: [profile(port, { password: 'wrong' })], trust });
    const failures = await Promise.allSettled(
      PURPOSES.map((purpose) => router.route(purpose, secureOrigin.url).open(plain)),
    );
    expect(failures.map((one) => (one as PromiseRejectedResult).reason.code)).toEqual(
      PURPOSES.map(() => 'AUTH-REJECTED'),
    );
    expect(proxy?.heads.filter(hasCredential)).toHaveLength(1);
    expect(proxy?.connections).toBe(1);
  });

  it('a wrong password: over forward connections it costs one attempt; unused ones do not block', async () => {
    const port = await proxied(says(refusal));
    const router = testRouter({ proxies: [profile(port, { password: 'wrong' })] });
    const open = () => router.route('updates', plainUrl).open(plain);
    (await open()).release();

    const connection = await open();
    const second = open();
    await expect(get(connection, plainUrl)).rejects.toMatchObject({ code: 'AUTH-REJECTED', facts: { user: 'svc' } });
    await expect(second).rejects.toMatchObject({ code: 'AUTH-REJECTED' });
    await expect(open()).rejects.toMatchObject({ code: 'AUTH-REJECTED', hop: `proxy corp (127.0.0.1:${port})` });
    expect(proxy?.heads.filter(hasCredential)).toHaveLength(1);
  });

  it('a wrong password: it is tried again when it changes, even by a new router', async () => {
    const right = `Basic ${btoa('svc:right')}`;
    const port = await proxied((client, head, earlier) => {
      if (head.includes(right)) honest(secureOrigin.port)(client, head, earlier);
      else client.end(refusal);
    });
    const credentialGuard = new CredentialGuard();
    const open = (password: string) =>
      testRouter({ proxies: [profile(port, { password })], trust, credentialGuard })
        .route('updates', secureOrigin.url)
        .open(plain);
    await expect(open('wrong')).rejects.toMatchObject({ code: 'AUTH-REJECTED' });
    await expect(open('wrong')).rejects.toMatchObject({ code: 'AUTH-REJECTED' });
    (await open('right')).release();
    expect(proxy?.connections).toBe(2);
  });

  it('releases its permit for the next caller if the proxy is not reached', async () => {
    const port = await proxied(FAULTS.closesBeforeAnswering);
    const router = testRouter({ proxies: [profile(port, { password: 'x' })], trust });
    const failures = await Promise.allSettled([1, 2].map(() => router.route('updates', secureOrigin.url).open(plain)));
    expect(failures.map((one) => (one as PromiseRejectedResult).reason.code)).toEqual([
      'TUNNEL-CLOSED',
      'TUNNEL-CLOSED',
    ]);
  });
});

describe('a list of proxies', () => {
  const named = (name: string, port: number, fallback: string[] = []) => ({
    ...profile(port),
    name,
    default: name === 'corp',
    fallback,
  });

  it('a list of proxies: the first reachable one is used and logged, and a failed one rests', async () => {
    const dead = await closedPort();
    const port = await proxied(honest(secureOrigin.port));
    const router = testRouter({ proxies: [named('corp', dead, ['backup']), named('backup', port)], trust });
    const route = router.route('updates', secureOrigin.url);
    const connection = await route.open(plain);
    expect(connection.facts).toMatchObject({ proxy: 'backup', proxyUrl: `http://127.0.0.1:${port}` });
    connection.release();
    expect(router.events).toMatchObject([
      { name: 'failed-over', proxy: 'corp', rest: 60_000, next: proxyAt('backup', `127.0.0.1:${port}`) },
      { name: 'connected', proxy: 'backup' },
    ]);
    (await route.open(plain)).release();
    expect(router.events.map(({ name }) => name)).toEqual(['failed-over', 'connected', 'connected']);
  });

  it('a list of proxies: if all fail, the failure has the code of each, and none goes direct', async () => {
    const [one, two] = [await closedPort(), await closedPort()];
    const router = testRouter({
      proxies: [named('corp', one, ['backup']), named('backup', two)],
      settings: { proxy_required: true },
      trust,
    });
    const before = secureOrigin.requests.length;
    await expect(router.route('updates', secureOrigin.url).open(plain)).rejects.toMatchObject({
      code: 'POLICY',
      safeText: `Every proxy failed (127.0.0.1:${one} TCP-REFUSED, 127.0.0.1:${two} TCP-REFUSED); direct access is not attempted because proxy_required is true.`,
    });
    expect(secureOrigin.requests).toHaveLength(before);
  });

  it('a list of proxies: it ends at a refusal; no other proxy gets the request or credential', async () => {
    const refusing = await startFaultProxy(says('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n'));
    const port = await proxied(honest(secureOrigin.port));
    const router = testRouter({ proxies: [named('corp', refusing.port, ['backup']), named('backup', port)], trust });
    await expect(router.route('updates', secureOrigin.url).open(plain)).rejects.toMatchObject({
      code: 'POLICY-DENIED',
    });
    expect(proxy?.connections).toBe(0);
    await refusing.close();
  });

  it('a list of proxies: over http a retry uses the next one if a proxy closes after the request', async () => {
    const mute = await startFaultProxy(FAULTS.closesBeforeAnswering);
    const port = await proxied(says('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi'));
    const route = testRouter({
      proxies: [named('corp', mute.port, ['backup']), named('backup', port)],
    }).route('updates', plainUrl);
    const first = await route.open(plain);
    expect(first.facts.proxy).toBe('corp');
    first.headersFor('GET', plainUrl.href);
    first.socket.resume().end(`GET ${plainUrl.href} HTTP/1.1\r\nHost: ${plainUrl.host}\r\n\r\n`);
    await once(first.socket, 'end');
    first.release();
    const second = await route.open(plain);
    expect(second.facts.proxy).toBe('backup');
    expect(await get(second, plainUrl)).toMatchObject({ status: 200 });
    await mute.close();
  });
});

describe('a connect observer', () => {
  it('a connect observer: it receives each step, and a failure lists what was proven before', async () => {
    const port = await proxied(honest(secureOrigin.port));
    const seen: string[] = [];
    const watch = ({ phase, error }: ObservedStep) => seen.push(`${phase} ${error?.code ?? 'ok'}`);
    const router = testRouter({ proxies: [profile(port, { password: 'open sesame' })] });
    const opening = router.route('updates', secureOrigin.url).open({ ...plain, watch });
    const failure = await opening.catch((error: CodedError) => error);
    expect(seen).toEqual(['choice ok', 'dial ok', 'authentication ok', 'tunnel ok', 'tls TLS-INTERCEPTED']);
    expect(failure).toMatchObject({
      trace: { phase: 'tls', proven: ['dial', 'authentication', 'tunnel'] },
      check: expect.stringContaining('Already succeeded: connection, user and password, tunnel.'),
    });
  });
});

it('router: a purpose that goes direct never connects to the proxy', async () => {
  const port = await proxied(FAULTS.silent);
  const use_proxy_for = { ...forAll('default'), updates: 'none' };
  const router = testRouter({ proxies: [profile(port)], settings: { use_proxy_for } });
  expect(await get(await router.route('updates', plainUrl).open(plain), plainUrl)).toMatchObject({ status: 200 });
  expect(proxy?.connections).toBe(0);
});

it('a router: its connection keys are unique, so a reload uses no connection of old settings', () => {
  const url = new URL('https://updates.example.com/feed.json');
  const keysOf = (router: ReturnType<typeof testRouter>) => [1, 2].map(() => router.route('updates', url).sharedKey);
  const [before, after] = [testRouter(), testRouter()].map(keysOf);

  expect(new Set(before).size).toBe(1);
  expect(after).not.toContain(before?.[0]);
});
