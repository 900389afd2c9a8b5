import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { SmallRequest } from '#http/session/running-request.ts';
import { Session, type SessionRequest, type SessionResponse } from '#http/session/session.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { ProxyCooldown } from '#proxy/choosing/failover.ts';
import type { Router } from '#proxy/route.ts';
import { systemClock } from '#system/clock.ts';
import { CountingClock } from '#test/support/counting-clock.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { answer, type KeptRequest, type KeptServer, startKeptServer } from '#test/support/kept-server.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

const DEADLINES = { firstByteMs: 5_000, silenceMs: 5_000, totalMs: 10_000, key: 'response_timeout.base_ms' };
const NEVER = new AbortController().signal;

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function serve(onRequest: Parameters<typeof startKeptServer>[0]): Promise<KeptServer> {
  const server = await startKeptServer(onRequest);
  closing.push(() => server.close());
  return server;
}

function sessionOver(router: Router, clock = new CountingClock()): Session & { readonly clock: CountingClock } {
  const session = new Session({ router, purpose: 'updates', clock });
  closing.push(() => session.close());
  return Object.assign(session, { clock });
}

/** Sends what matters for a test; the rest is a GET of `/`. */
function ask(
  session: Session,
  server: { readonly port: number } | URL,
  request: Partial<SmallRequest> = {},
  options: Partial<SessionRequest> = {},
): Promise<SessionResponse> {
  const url = server instanceof URL ? server : new URL(`http://127.0.0.1:${server.port}/`);
  return session.request({
    request: { method: 'GET', url, headers: {}, ...request },
    deadlines: DEADLINES,
    limitBytes: 10_000,
    signal: NEVER,
    ...options,
  });
}

async function codeOf(outcome: Promise<unknown>): Promise<string> {
  return outcome.then(
    () => 'answered',
    (error: { code: string }) => error.code,
  );
}

const once = (at: number, then: (socket: Parameters<Parameters<typeof startKeptServer>[0]>[0]) => void) => {
  return (socket: Parameters<typeof then>[0], { nth, connection }: KeptRequest) => {
    if (connection === 1 && nth === at) then(socket);
    else socket.write(answer());
  };
};

describe('session: a connection', () => {
  it('serves one request after the other, whatever their method', async () => {
    const server = await serve((socket, { body }) => socket.write(answer(body)));
    const session = sessionOver(testRouter());

    for (const method of ['GET', 'POST', 'PUT', 'PATCH'] as const) {
      const body = method === 'GET' ? '' : `body of ${method}`;
      const request = method === 'GET' ? { method } : { method, body };
      expect((await ask(session, server, request)).body.toString()).toBe(body);
    }

    expect(server.connections()).toBe(1);
    expect(server.requests.map(({ method }) => method)).toEqual(['GET', 'POST', 'PUT', 'PATCH']);
    expect(server.requests.every(({ head }) => /^connection: keep-alive\r$/im.test(head))).toBe(true);
  });

  it('is not reused after a HEAD, whose answer may wrongly have a body', async () => {
    const server = await serve((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n'));
    const session = sessionOver(testRouter());

    const { head, body } = await ask(session, server, { method: 'HEAD' });

    expect({ length: head.contentLength, body: body.length }).toEqual({ length: 1_000_000, body: 0 });
    await server.allClosed();
  });

  it('is not reused after close, or bytes beyond an answer', async () => {
    for (const said of [answer('', '200 OK', 'Connection: close\r\n'), `${answer()}HTTP/1.1 200 OK\r\n\r\nsmuggled`]) {
      const server = await serve((socket) => socket.write(said));
      const session = sessionOver(testRouter());
      await ask(session, server);
      await ask(session, server);
      expect(server.connections()).toBe(2);
    }
  });

  it('with bytes before a request is closed, and they are dropped', async () => {
    const server = await serve((socket, { connection }) => {
      socket.write(answer(`${connection}`));
      if (connection === 1) setTimeout(() => socket.write(answer('stale')), 20);
    });
    const session = sessionOver(testRouter());
    await ask(session, server);
    await server.allClosed();

    expect((await ask(session, server)).body.toString()).toBe('2');
  });

  it('that is closed while unused causes no failure or repetition', async () => {
    const server = await serve((socket) => {
      socket.end(answer());
    });
    const session = sessionOver(testRouter());

    for (let at = 1; at <= 5; at += 1) {
      await ask(session, server, { method: 'POST', body: `${at}`, headers: {} });
      await server.allClosed();
    }

    expect(server.requests.map(({ body }) => body)).toEqual(['1', '2', '3', '4', '5']);
    expect(server.connections()).toBe(5);
  });

  it('is closed after 30 s without a request; no timer is left', async () => {
    const server = await serve((socket) => socket.write(answer()));
    const clock = new FakeClock();
    const session = new Session({ router: testRouter(), purpose: 'updates', clock });
    await ask(session, server);
    clock.advance(29_000);
    expect(server.sockets.size).toBe(1);
    clock.advance(2_000);
    await server.allClosed();

    const other = sessionOver(testRouter());
    await ask(other, server);
    other.close();
    await server.allClosed();
    expect(other.clock.pending).toBe(0);
  });

  it('unused for a second is not used for a request that runs once', async () => {
    const server = await serve((socket) => socket.write(answer()));
    const clock = new FakeClock();
    const session = new Session({ router: testRouter(), purpose: 'updates', clock });
    closing.push(() => session.close());
    await ask(session, server, { method: 'PATCH', body: '1' });
    clock.advance(900);
    await ask(session, server, { method: 'PATCH', body: '2' });
    clock.advance(1_100);
    await ask(session, server, { method: 'PATCH', body: '3' });
    clock.advance(1_100);
    await ask(session, server, { method: 'GET' });

    expect(server.requests.map(({ connection }) => connection)).toEqual([1, 1, 2, expect.any(Number)]);
    expect(server.connections()).toBe(2);
  });

  it('serves one origin, one purpose and its own settings', async () => {
    const server = await serve((socket) => socket.write(answer()));
    const routers = [testRouter(), testRouter()];
    let current = 0;
    const session = sessionOver({ route: (...args) => (routers[current] as Router).route(...args) });
    await ask(session, server);
    await ask(session, server);
    expect(server.connections()).toBe(1);

    current = 1;
    await ask(session, server);
    expect(server.connections()).toBe(2);
    await ask(session, new URL(`http://localhost:${server.port}/`));
    expect(server.connections()).toBe(3);
  });
});

describe('session: a lost request on a reused connection', () => {
  const KEY = { 'Idempotency-Key': 'k' };

  it.each([
    ['GET', {}, 'answered'],
    ['HEAD', {}, 'answered'],
    ['PUT', {}, 'answered'],
    ['POST', KEY, 'answered'],
    ['POST', {}, 'CONNECTION-LOST'],
    ['PATCH', {}, 'CONNECTION-LOST'],
    ['PATCH', KEY, 'CONNECTION-LOST'],
  ] as const)('%s with %j: %s', async (method, headers, expected) => {
    const server = await serve(once(2, (socket) => socket.resetAndDestroy()));
    const session = sessionOver(testRouter());
    await ask(session, server);
    const body = method === 'GET' || method === 'HEAD' ? {} : { body: 'x' };

    expect(await codeOf(ask(session, server, { method, headers, ...body }))).toBe(expected);

    expect(
      server.requests.filter((request) => request.method === method && request.body === (body.body ?? '')),
    ).toHaveLength((expected === 'answered' ? 2 : 1) + (method === 'GET' ? 1 : 0));
  });

  it('is sent a second time, and not a third', async () => {
    const server = await serve((socket, { nth, connection }) => {
      if (connection === 1 && nth === 1) socket.write(answer());
      else socket.resetAndDestroy();
    });
    const session = sessionOver(testRouter());
    await ask(session, server);

    expect(await codeOf(ask(session, server))).toBe('CONNECTION-LOST');
    expect(server.requests).toHaveLength(3);
  });

  it('is not repeated after bytes or a deadline', async () => {
    const cut = await serve(once(2, (socket) => socket.write('HTTP/1.1 2', () => socket.resetAndDestroy())));
    const session = sessionOver(testRouter());
    await ask(session, cut);
    expect(await codeOf(ask(session, cut))).toBe('CONNECTION-LOST');
    expect(cut.requests).toHaveLength(2);

    const first = await serve((socket) => socket.resetAndDestroy());
    expect(await codeOf(ask(session, first))).toBe('CONNECTION-LOST');
    expect(first.requests).toHaveLength(1);

    const mute = await serve(once(2, () => {}));
    await ask(session, mute);
    const deadlines = { ...DEADLINES, firstByteMs: 60 };
    expect(await codeOf(ask(session, mute, {}, { deadlines }))).toBe('RESPONSE-TIMEOUT');
    expect(mute.requests).toHaveLength(2);
  });

  it('ends with the abort, and leaves nothing', async () => {
    const aborter = new AbortController();
    const server = await serve(once(2, () => aborter.abort(new Error('stop'))));
    const session = sessionOver(testRouter());
    await ask(session, server);

    await expect(ask(session, server, {}, { signal: aborter.signal })).rejects.toThrow('stop');
    await expect(ask(session, server, {}, { signal: aborter.signal })).rejects.toThrow('stop');
    await server.allClosed();
    expect(session.clock.pending).toBe(0);
  });
});

describe('session: a forwarding proxy', () => {
  const url = new URL('http://updates.example.com/feed');
  const USER = { user: 'svc', password: 'open sesame' };
  const basic = `Basic ${Buffer.from('svc:open sesame').toString('base64')}`;
  const authorization = ({ head }: KeptRequest) => /^proxy-authorization: (.*)\r$/im.exec(head)?.[1];

  it('each request has the whole URL and the credential', async () => {
    const proxy = await serve((socket) => socket.write(answer()));
    const session = sessionOver(testRouter({ proxies: [profile(proxy.port, USER)] }));

    for (let at = 0; at < 3; at += 1) await ask(session, url);

    expect(proxy.connections()).toBe(1);
    expect(proxy.requests.map(({ target }) => target)).toEqual([url.href, url.href, url.href]);
    expect(proxy.requests.map(authorization)).toEqual([basic, basic, basic]);
  });

  it('a refused password is not sent again', async () => {
    let isRevoked = false;
    const credentialGuard = new CredentialGuard();
    const proxy = await serve((socket, { method }) => {
      if (!isRevoked) socket.write(answer());
      else if (method === 'CONNECT') socket.end(answer('', '407 No', 'Proxy-Authenticate: Basic realm="x"\r\n'));
      else socket.write(answer('', '407 No', 'Proxy-Authenticate: Basic realm="x"\r\n'));
    });
    const options = { proxies: [profile(proxy.port, USER)], credentialGuard };
    const session = sessionOver(testRouter(options));
    await ask(session, url);
    isRevoked = true;

    expect(await codeOf(ask(session, url))).toBe('AUTH-REJECTED');
    const seen = proxy.requests.length;
    expect(await codeOf(ask(session, url))).toBe('AUTH-REJECTED');
    expect(await codeOf(ask(sessionOver(testRouter(options)), url))).toBe('AUTH-REJECTED');
    expect(proxy.requests).toHaveLength(seen);
  });

  it('a stale Digest nonce is replaced; a receipt is sent once', async () => {
    const delivered: string[] = [];
    let uses = 0;
    const proxy = await serve((socket, request) => {
      const proof = authorization(request);
      uses = proof === undefined ? 0 : uses + 1;
      const challenge = (stale: string) => `Proxy-Authenticate: Digest realm="x", nonce="n", qop="auth"${stale}\r\n`;
      if (proof === undefined) socket.write(answer('', '407 Who', challenge('')));
      else if (uses > 2) socket.write(answer('', '407 Old', challenge(', stale=true')));
      else {
        if (request.method === 'POST') delivered.push(request.body);
        socket.write(request.method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : answer());
      }
    });
    const session = sessionOver(testRouter({ proxies: [profile(proxy.port, { ...USER, authentication: 'digest' })] }));

    for (const body of ['1', '2', '3', '4', '5'])
      await ask(session, url, { method: 'POST', body, headers: { 'Idempotency-Key': body } });

    expect(delivered).toEqual(['1', '2', '3', '4', '5']);
    expect(proxy.connections()).toBe(3);
  });

  it.each([
    ['GET', {}, 'answered'],
    ['PUT', {}, 'answered'],
    ['POST', { 'Idempotency-Key': 'k' }, 'answered'],
    ['POST', {}, 'AUTH-STALE'],
    ['PATCH', {}, 'AUTH-STALE'],
    ['PATCH', { 'Idempotency-Key': 'k' }, 'AUTH-STALE'],
  ] as const)('a proxy that forwards a %s with %j and then says 407 stale: %s', async (method, headers, expected) => {
    const forwarded: string[] = [];
    let isLying = false;
    const proxy = await serve((socket, request) => {
      const isProved = authorization(request) !== undefined;
      const isLie = isProved && isLying && request.connection === 1;
      const challenge = `Proxy-Authenticate: Digest realm="x", nonce="n", qop="auth"${isLie ? ', stale=true' : ''}\r\n`;
      if (isProved && isLying) forwarded.push(request.method);
      if (!isProved) socket.write(answer('', '407 Who', challenge));
      else if (isLie) socket.write(answer('', '407 Old', challenge));
      else socket.write(request.method === 'HEAD' ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n' : answer());
    });
    const session = sessionOver(testRouter({ proxies: [profile(proxy.port, { ...USER, authentication: 'digest' })] }));
    await ask(session, url);
    isLying = true;
    const body = method === 'GET' ? {} : { body: 'x' };

    expect(await codeOf(ask(session, url, { method, headers, ...body }))).toBe(expected);
    expect(forwarded.filter((one) => one === method)).toHaveLength(expected === 'answered' ? 2 : 1);
    expect(await codeOf(ask(session, url, { method, headers, ...body }))).toBe('answered');
  });

  it('session: a connection that the proxy closes between requests keeps others on that proxy', async () => {
    const coolDown = new ProxyCooldown(systemClock);
    const proxy = await serve(once(2, (socket) => socket.end()));
    const session = sessionOver(testRouter({ proxies: [profile(proxy.port)], coolDown }));
    await ask(session, url);
    await ask(session, url);
    await yieldToLoop();

    expect(coolDown.remainingMs(`http://127.0.0.1:${proxy.port}`)).toBe(0);
  });
});
