// Real libraries over connections: `ws` against a real WebSocket server, `tus-js-client` against a tus server, through
// proxies that require credentials and verify each proof themselves.

import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer, get, type Server } from 'node:http';
import { createServer as createSecureServer, get as getSecure } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server as TusServer } from '@tus/server';
import { DefaultHttpStack, Upload } from 'tus-js-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import WebSocket, { WebSocketServer } from 'ws';
import { ConnectionAgent } from '#proxy/connection-agent.ts';
import { systemClock } from '#system/clock.ts';
import { createCa } from '#test/support/certificates.ts';
import { CountingClock } from '#test/support/counting-clock.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { FAULTS, type Script, startFaultProxy } from '#test/support/fault-proxy.ts';
import { type LoginProxy, type ProxyLogin, startLoginProxy } from '#test/support/login-proxy.ts';
import { profile, type TestRouterOptions, testRouter } from '#test/support/test-router.ts';

const USER = { user: 'svc', domain: 'CORP', password: 'open sesame' } as const;
const ca = createCa();
const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };

/** Listens for HTTP, WebSocket and tus on one port, in the clear and over TLS. */
interface Origin {
  readonly server: Server;
  readonly port: number;
  readonly requests: string[];
}

let folder: string;
let plain: Origin;
let secure: Origin;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-tus-'));
  plain = await listen(createServer());
  secure = await listen(createSecureServer(ca.issue()));
});
afterAll(async () => {
  for (const { server } of [plain, secure]) {
    server.closeAllConnections();
    server.close();
  }
  await rm(folder, { recursive: true });
});

async function listen(server: Server): Promise<Origin> {
  const requests: string[] = [];
  const tus = new TusServer({
    path: '/files',
    datastore: new FileStore({ directory: folder }),
    relativeLocation: true,
  });
  const sockets = new WebSocketServer({ noServer: true });
  server.on('request', (request, response) => {
    requests.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    if (request.url?.startsWith('/files')) void tus.handle(request, response);
    else response.writeHead(request.url === '/407' ? 407 : 200).end('hello');
  });
  server.on('upgrade', (request, socket, head) => {
    requests.push(`UPGRADE ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim());
    sockets.handleUpgrade(request, socket, head, (webSocket) =>
      webSocket.on('message', (data) => webSocket.send(data)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port, requests };
}

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function startProxy(login: ProxyLogin, target: Origin): Promise<LoginProxy> {
  const proxy = await startLoginProxy(login, USER, target.port);
  closing.push(() => proxy.close());
  return proxy;
}

interface Made {
  readonly agent: ConnectionAgent;
  readonly clock: CountingClock;
}

function agentFor(url: string, router: TestRouterOptions, signal = new AbortController().signal): Made {
  const clock = new CountingClock();
  const made = testRouter({ trust, clock, ...router });
  const agent = new ConnectionAgent(new URL(url), { router: made, purpose: 'platform', clock, signal });
  closing.push(() => agent.destroy());
  return { agent, clock };
}

function proxied({ port }: { port: number }, login: ProxyLogin): TestRouterOptions {
  return { proxies: [login === 'none' ? profile(port) : profile(port, { ...USER, authentication: login })] };
}

async function echo(socket: WebSocket, text: string): Promise<string> {
  await once(socket, 'open');
  socket.send(text);
  return String((await once(socket, 'message'))[0]);
}

async function failureOf(emitter: NodeJS.EventEmitter): Promise<unknown> {
  return (await once(emitter, 'error'))[0];
}

const LOGINS = ['none', 'basic', 'digest', 'ntlm'] as const;

describe('a WebSocket over connections', () => {
  it.each(LOGINS.flatMap((login) => (['ws', 'wss'] as const).map((scheme) => [scheme, login] as const)))(
    '%s uses a tunnel with %s, and leaves nothing open',
    async (scheme, login) => {
      const target = scheme === 'ws' ? plain : secure;
      const proxy = await startProxy(login, target);
      const url = `${scheme}://localhost:${target.port}/echo`;
      const { agent, clock } = agentFor(url, proxied(proxy, login));
      const socket = new WebSocket(url, { agent });

      expect(await echo(socket, 'ping')).toBe('ping');

      expect(proxy.lines.every((line) => line === `CONNECT localhost:${target.port} HTTP/1.1`)).toBe(true);
      expect(proxy.counted).toMatchObject({ connections: 1, tunnels: 1 });
      expect(target.requests.at(-1)).toBe('UPGRADE /echo');
      socket.close();
      await once(socket, 'close');
      await proxy.allClosed();
      expect(clock.pending).toBe(0);
    },
  );

  it('without a proxy goes direct', async () => {
    const url = `wss://localhost:${secure.port}/`;
    const socket = new WebSocket(url, { agent: agentFor(url, {}).agent });
    expect(await echo(socket, 'ping')).toBe('ping');
    socket.terminate();
  });

  it('is ended by the signal at once, even when it is open', async () => {
    const proxy = await startProxy('ntlm', secure);
    const url = `wss://localhost:${secure.port}/`;
    const controller = new AbortController();
    const { agent, clock } = agentFor(url, proxied(proxy, 'ntlm'), controller.signal);
    const socket = new WebSocket(url, { agent });
    await once(socket, 'open');
    controller.abort(new Error('stop'));
    await once(socket, 'close');
    await proxy.allClosed();
    expect(clock.pending).toBe(0);
    expect(await failureOf(new WebSocket(url, { agent }))).toMatchObject({ message: 'stop' });
  });

  it('a WebSocket over connections: a server with an untrusted certificate gets no request', async () => {
    const url = `wss://localhost:${secure.port}/`;
    const seen = secure.requests.length;
    const socket = new WebSocket(url, { agent: agentFor(url, { trust: {} }).agent });
    expect(await failureOf(socket)).toMatchObject({ code: 'TLS-UNTRUSTED' });
    expect(secure.requests).toHaveLength(seen);
  });
});

describe('an upload over connections', () => {
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_none, at) => (at * 31) % 251));

  function upload(endpoint: string, agent: ConnectionAgent): Promise<Upload> {
    return new Promise((resolve, reject) => {
      const sent: Upload = new Upload(bytes, {
        endpoint,
        httpStack: new DefaultHttpStack({ agent }),
        chunkSize: 100_000,
        retryDelays: [],
        onError: reject,
        onSuccess: () => resolve(sent),
      });
      sent.start();
    });
  }

  it.each(LOGINS.flatMap((login) => (['http', 'https'] as const).map((scheme) => [scheme, login] as const)))(
    'over %s uses one tunnel with %s, and leaves nothing open',
    async (scheme, login) => {
      const target = scheme === 'http' ? plain : secure;
      const proxy = await startProxy(login, target);
      const endpoint = `${scheme}://localhost:${target.port}/files`;
      const { agent, clock } = agentFor(endpoint, proxied(proxy, login));

      const { url } = await upload(endpoint, agent);

      const id = url?.split('/').at(-1) ?? '';
      expect(await readdir(folder)).toContain(id);
      expect((await readFile(join(folder, id))).equals(bytes)).toBe(true);
      // POST and three PATCH over the connection that was authenticated.
      expect(proxy.counted).toMatchObject({ connections: 1, tunnels: 1 });
      expect(target.requests.slice(-4).map((line) => line.split(' ')[0])).toEqual(['POST', 'PATCH', 'PATCH', 'PATCH']);
      expect(target.requests.slice(-4).join()).not.toMatch(/NTLM|Basic|Digest/);
      agent.destroy();
      await proxy.allClosed();
      expect(clock.pending).toBe(0);
    },
  );

  it('an upload over connections: it fails with the code of the connection, not of the library', async () => {
    const proxy = await startProxy('basic', secure);
    const wrong = profile(proxy.port, { ...USER, password: 'wrong' });
    const endpoint = `https://localhost:${secure.port}/files`;
    await expect(upload(endpoint, agentFor(endpoint, { proxies: [wrong] }).agent)).rejects.toMatchObject({
      causingError: { code: 'AUTH-REJECTED' },
    });
    expect(proxy.counted).toMatchObject({ tunnels: 0, refused: 1 });
  });
});

describe('a connection of the agent', () => {
  const never = new AbortController().signal;

  async function ask(url: string, agent: ConnectionAgent): Promise<number> {
    const [response] = await once((url.startsWith('https') ? getSecure : get)(url, { agent }), 'response');
    response.resume();
    await once(response, 'end');
    // Node puts the connection back when the turn is over.
    await new Promise((resolve) => setImmediate(resolve));
    return response.statusCode;
  }

  it('waits for another request for seconds, on our own clock', async () => {
    const proxy = await startProxy('none', plain);
    const url = `http://localhost:${plain.port}/`;
    const clock = new FakeClock();
    const router = testRouter(proxied(proxy, 'none'));
    const agent = new ConnectionAgent(new URL(url), { router, purpose: 'platform', clock, signal: never });
    closing.push(() => agent.destroy());
    await ask(url, agent);
    clock.advance(3_999);
    await ask(url, agent);
    expect([proxy.counted.connections, clock.pending]).toEqual([1, 1]);
    clock.advance(4_000);
    await proxy.allClosed();
    await ask(url, agent);
    expect(proxy.counted.connections).toBe(2);
    agent.destroy();
    await proxy.allClosed();
    expect(clock.pending).toBe(0);
  });

  it('sends no credential to an origin that answers 407', async () => {
    const proxy = await startProxy('basic', secure);
    const url = `https://localhost:${secure.port}/407`;
    const { agent } = agentFor(url, proxied(proxy, 'basic'));
    expect(await ask(url, agent)).toBe(407);
    expect(await ask(url, agent)).toBe(407);
    expect(secure.requests.join()).not.toContain('Basic');
  });

  it('goes only to the origin of the agent', async () => {
    const { agent } = agentFor('https://localhost:1/', {});
    const request = getSecure(`https://localhost:${secure.port}/`, { agent });
    expect(await failureOf(request)).toMatchObject({
      code: 'URL-ELSEWHERE',
      facts: { origin: `https://localhost:${secure.port}`, target: 'localhost:1' },
    });
  });

  it('a connection of the agent: proxy_required refuses a direct one before anything is dialed', async () => {
    const { agent } = agentFor('http://127.0.0.1/', { settings: { proxy_required: true } });
    expect(await failureOf(get('http://127.0.0.1/', { agent }))).toMatchObject({ code: 'POLICY-DIRECT' });
  });

  it('needs a URL of http, https, ws or wss', () => {
    const options = { router: testRouter(), purpose: 'platform', clock: systemClock, signal: never } as const;
    expect(() => new ConnectionAgent(new URL('ftp://x/'), options)).toThrow(
      expect.objectContaining({ code: 'URL-INVALID' }),
    );
  });

  const faults: readonly [string, Script, string][] = [
    ['is silent', FAULTS.silent, 'TUNNEL-TIMEOUT'],
    ['closes before answering', FAULTS.closesBeforeAnswering, 'TUNNEL-CLOSED'],
    ['opens and then is silent', FAULTS.grantsThenSilence, 'TLS-TIMEOUT'],
  ];
  it.each(faults)('with a proxy that %s ends within the deadline of its step', async (_what, script, code) => {
    const proxy = await startFaultProxy(script);
    closing.push(() => proxy.close());
    const timeouts = { tunnel_timeout_ms: 40, tls_timeout_ms: 40 };
    const { agent, clock } = agentFor('wss://localhost/', { proxies: [profile(proxy.port)], timeouts });
    expect(await failureOf(new WebSocket('wss://localhost/', { agent }))).toMatchObject({ code });
    await proxy.allClosed();
    expect(clock.pending).toBe(0);
  });
});
