import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { ProbeRequest, ProxyProbes } from '#proxy/route.ts';
import { createCa } from '#test/support/certificates.ts';
import { type Loopback, listenOnLoopback } from '#test/support/loopback.ts';
import { honest5, startSocksServer } from '#test/support/socks-server.ts';
import { profile, type TestRouter, testRouter } from '#test/support/test-router.ts';
import { startTlsFront } from '#test/support/tls-front.ts';

const open: { readonly parts: Loopback[]; readonly servers: Server[] } = { parts: [], servers: [] };
const TARGET = new URL('http://updates.test:8080/u1.jar');

afterEach(async () => {
  for (const part of open.parts.splice(0)) await part.close();
});

/** A proxy that treats its connections in turn; the last treatment repeats. It keeps what each of them sent. */
async function proxy(...manners: ((socket: Socket) => void)[]) {
  const sent: string[] = [];
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    const nth = sockets.push(socket) - 1;
    sent[nth] = '';
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      sent[nth] += chunk.toString('latin1');
    });
    manners[Math.min(nth, manners.length - 1)]?.(socket);
  });
  const part = await listenOnLoopback(server);
  open.parts.push(part);
  return { port: part.port, sent, sockets, server };
}

const silent = () => {};
const answering = (socket: Socket) => void socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));

async function probesThrough(router: TestRouter, target = TARGET): Promise<ProxyProbes | undefined> {
  const connection = await router.route('updates', target).open({ bulk: true, signal: new AbortController().signal });
  return connection.probes;
}

/** Opens a probe and records what is reported; `until` is the last event that is awaited. */
async function probed(probes: ProxyProbes | undefined, until: string, kind: ProbeRequest = 'get') {
  const events: string[] = [];
  const note = (name: string) => () => void events.push(name);
  const running = probes?.open(kind, { accepted: note('accepted'), answered: note('answered'), ended: note('ended') });
  await vi.waitFor(() => expect(events).toContain(until), 5_000);
  return { events, running };
}

describe('a probe of a proxy', () => {
  it('probe: any answer of the proxy counts', async () => {
    const { port, sockets } = await proxy(silent, answering);
    const { events } = await probed(await probesThrough(testRouter({ proxies: [profile(port)] })), 'answered');
    expect(events).toEqual(['accepted', 'answered']);
    await vi.waitFor(() => expect(sockets[1]?.destroyed).toBe(true));
  });

  it('probe: if the proxy accepts it and is silent, nothing follows, and close leaves no socket', async () => {
    const { port, sockets } = await proxy(silent);
    const { events, running } = await probed(await probesThrough(testRouter({ proxies: [profile(port)] })), 'accepted');
    running?.close();
    await vi.waitFor(() => expect(sockets[1]?.destroyed).toBe(true));
    expect(events).toEqual(['accepted']);
  });

  it.each<[string, (socket: Socket) => void]>([
    ['closed', (socket) => socket.end()],
    ['reset', (socket) => void socket.resetAndDestroy()],
  ])('probe: a connection that is %s without an answer proves nothing', async (_how, manner) => {
    const { port } = await proxy(silent, manner);
    const { events } = await probed(await probesThrough(testRouter({ proxies: [profile(port)] })), 'ended');
    expect(events.filter((event) => event !== 'accepted')).toEqual(['ended']);
  });

  it('probe: a refused connection proves nothing', async () => {
    const { port, server } = await proxy(silent);
    const probes = await probesThrough(testRouter({ proxies: [profile(port)] }));
    server.close();
    expect((await probed(probes, 'ended')).events).toEqual(['ended']);
  });

  it.each<[ProbeRequest, RegExp]>([
    ['get', /^GET \/ HTTP\/1\.1\r\nHost: 127\.0\.0\.1:\d+\r\nUser-Agent: Sallyport\/1\r\nConnection: close\r\n\r\n$/],
    [
      'options',
      /^OPTIONS http:\/\/updates\.test:8080\/ HTTP\/1\.1\r\nHost: updates\.test:8080\r\nUser-Agent: Sallyport\/1\r\nConnection: close\r\nMax-Forwards: 0\r\n\r\n$/,
    ],
    [
      'connect',
      /^CONNECT updates\.test:8080 HTTP\/1\.1\r\nHost: updates\.test:8080\r\nUser-Agent: Sallyport\/1\r\nConnection: close\r\n\r\n$/,
    ],
  ])('probe: %s carries no credential and not the path of the package', async (kind, expected) => {
    const { port, sent } = await proxy(silent, answering);
    const router = testRouter({ proxies: [profile(port, { password: 'p4ss' })], userAgent: 'Sallyport/1' });
    await probed(await probesThrough(router), 'answered', kind);
    expect(sent[1]).toMatch(expected);
  });

  it('probe: CONNECT is not for a proxy without authentication, where it would reach the server', async () => {
    const { port } = await proxy(silent);
    const kinds = async (router: TestRouter) => (await probesThrough(router))?.kinds;
    expect(await kinds(testRouter({ proxies: [profile(port)] }))).toEqual(['get', 'options']);
    expect(await kinds(testRouter({ proxies: [profile(port, { password: 'x' })] }))).toContain('connect');
  });

  it('probe: a direct connection has none', async () => {
    const { port } = await proxy(silent);
    const direct = new URL(`http://127.0.0.1:${port}/`);
    expect(await probesThrough(testRouter({ settings: { proxy_enabled: false } }), direct)).toBeUndefined();
  });

  it('probe: SOCKS 5 is only greeted', async () => {
    const behind = await proxy(silent);
    const socks = await startSocksServer(honest5(behind.port));
    open.parts.push(socks);
    const corp = { ...profile(socks.port), scheme: 'socks5h' } as const;
    const probes = await probesThrough(testRouter({ proxies: [corp] }));
    expect(probes?.kinds).toEqual(['greeting']);
    expect((await probed(probes, 'answered', 'greeting')).events).toEqual(['accepted', 'answered']);
    expect(behind.sockets).toHaveLength(1);
  });

  it('probe: over an HTTPS proxy only an answer after the TLS handshake counts', async () => {
    const ca = createCa();
    const behind = await proxy(silent, answering, silent);
    const front = await startTlsFront(ca.issue({ names: 'IP:127.0.0.1' }), behind.port);
    open.parts.push(front);
    const corp = { ...profile(front.port), scheme: 'https' } as const;
    const proxyTrust = { ca: { key: 'proxies[0].ca_file', path: '/ca.pem', pem: ca.cert } };
    const probes = await probesThrough(testRouter({ proxies: [corp], proxyTrust }));
    expect((await probed(probes, 'answered')).events).toEqual(['accepted', 'answered']);
    const { events, running } = await probed(probes, 'accepted');
    await vi.waitFor(() => expect(behind.sent[2]).toContain('GET / '));
    running?.close();
    expect(events).toEqual(['accepted']);
  });

  it('probe: a dead proxy comes after the other candidates for some time', async () => {
    const [dead, other] = [await proxy(silent), await proxy(silent)];
    const proxies = [
      { ...profile(dead.port), fallback: ['next'] },
      { ...profile(other.port), name: 'next', default: false },
    ];
    const router = testRouter({ proxies });
    (await probesThrough(router))?.gone();
    await probesThrough(router);
    expect([dead.sockets.length, other.sockets.length]).toEqual([1, 1]);
  });
});
