import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ForwardProxy, PROXY_VIA, startForwardProxy } from '#demo/forward-proxy.ts';
import { type Origin, startOrigin } from '#origin/server.ts';

const LARGE = Buffer.from(Array.from({ length: 1_200_000 }, (_, index) => index % 253));

let dir: string;
let origin: Origin;
let proxy: ForwardProxy;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sallyport-proxy-'));
  writeFileSync(join(dir, 'large.jar'), LARGE);
  writeFileSync(join(dir, 'feed.json'), '{}');
  origin = await startOrigin({ dir });
  proxy = await startForwardProxy({ originUrl: origin.url, holdMs: 60 });
});
afterEach(async () => {
  await proxy.close();
  await origin.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Got {
  readonly status: number | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  readonly headMs: number;
}

function ask(
  target: string,
  options: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Got> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const { method = 'GET', headers = {}, body } = options;
    const sent = request({ host: proxy.host, port: proxy.port, path: target, method, headers, agent: false });
    sent.on('error', reject).on('response', (response) => {
      const headMs = performance.now() - startMs;
      const chunks: Buffer[] = [];
      response.on('error', reject).on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks), headMs }),
      );
    });
    sent.end(body);
  });
}

function tunnel(
  authority: string,
): Promise<{ status: number | undefined; socket: Socket; headers: IncomingMessage['headers'] }> {
  return new Promise((resolve, reject) => {
    const sent = request({ host: proxy.host, port: proxy.port, method: 'CONNECT', path: authority, agent: false });
    sent.on('error', reject).on('connect', (response, socket) => {
      resolve({ status: response.statusCode, socket, headers: response.headers });
    });
    sent.end();
  });
}

describe('a request to the demo proxy', () => {
  it('is forwarded with Via and without hop-by-hop headers', async () => {
    const headers = { 'proxy-authorization': 'Basic eDp5', 'x-kept': '1', via: '1.0 before', host: 'lies.example.com' };
    const got = await ask(origin.feedUrl, { headers });
    expect([got.status, got.body.toString(), got.headers.via]).toEqual([200, '{}', PROXY_VIA]);
    const seen = origin.record.requests[0]?.headers;
    expect(seen).toMatchObject({ 'x-kept': '1', via: `1.0 before, ${PROXY_VIA}`, host: new URL(origin.url).host });
    expect(seen).not.toHaveProperty('proxy-authorization');
  });

  it('may carry a body', async () => {
    const got = await ask(origin.acknowledgeUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{}',
    });
    expect([got.status, got.body.toString()]).toEqual([400, expect.stringContaining('key')]);
  });

  it('for a package, but not a feed, is delayed, then relayed', async () => {
    const [feed, large] = [await ask(origin.feedUrl), await ask(`${origin.url}/large.jar`)];
    expect(large.body.equals(LARGE)).toBe(true);
    expect(large.headMs).toBeGreaterThanOrEqual(59);
    expect(feed.body.toString()).toBe('{}');
  });

  it('keeps ranges and validators', async () => {
    const got = await ask(`${origin.url}/large.jar`, { headers: { range: 'bytes=10-19' } });
    expect([got.status, got.headers['content-range']]).toEqual([206, 'bytes 10-19/1200000']);
    expect(got.body.equals(LARGE.subarray(10, 20))).toBe(true);
  });

  it('is relayed at no more than the given rate', async () => {
    const slow = await startForwardProxy({ originUrl: origin.url, holdMs: 0, bytesPerSecond: 12_000_000 });
    const started = performance.now();
    await new Promise((resolve, reject) => {
      request({ host: slow.host, port: slow.port, path: `${origin.url}/large.jar`, agent: false })
        .on('error', reject)
        .on('response', (response) => response.resume().on('end', resolve))
        .end();
    });
    expect(performance.now() - started).toBeGreaterThanOrEqual(90);
    await slow.close();
  });

  it('is answered with 502 and Via if the server is gone', async () => {
    await origin.close();
    const got = await ask(origin.feedUrl);
    expect([got.status, got.headers.via]).toEqual([502, PROXY_VIA]);
  });
});

describe('the demo proxy', () => {
  let foreign: Server;
  let connections = 0;
  beforeEach(async () => {
    connections = 0;
    foreign = createServer((_request, response) => response.end('foreign'));
    foreign.on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => foreign.close(resolve)));
  const port = () => (foreign.address() as AddressInfo).port;

  it('refuses every other target and connects to none', async () => {
    expect((await ask(`http://127.0.0.1:${port()}/`)).status).toBe(403);
    expect((await ask(`http://${new URL(origin.url).host}@127.0.0.1:${port()}/`)).status).toBe(403);
    expect((await ask(origin.url.replace('127.0.0.1', 'localhost'))).status).toBe(403);
    expect((await ask('/feed.json')).status).toBe(400);
    const refused = await tunnel(`127.0.0.1:${port()}`);
    expect(refused.status).toBe(403);
    refused.socket.destroy();
    expect(connections).toBe(0);
  });

  it('listens on loopback only', () => {
    expect(proxy.host).toBe('127.0.0.1');
  });
});

describe('a tunnel through the demo proxy', () => {
  it('carries bytes in both directions, and ends on both', async () => {
    const { status, socket } = await tunnel(new URL(origin.url).host);
    expect(status).toBe(200);
    socket.write('GET /feed.json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      socket.on('data', (chunk) => {
        text += String(chunk);
      });
      socket.on('error', reject).on('close', () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 200 [\s\S]*\{\}$/);
    expect(answer).not.toContain('Via');
  });

  it('ends when the proxy stops, and so does a transfer', async () => {
    const { socket } = await tunnel(new URL(origin.url).host);
    const ended = new Promise((resolve) =>
      socket
        .on('error', () => undefined)
        .on('close', resolve)
        .resume(),
    );
    const transfer = ask(`${origin.url}/large.jar`);
    const broken = expect(transfer).rejects.toThrow();
    await proxy.close();
    await Promise.all([ended, broken]);
  });

  it('may break on the side of the client without harm', async () => {
    const { socket } = await tunnel(new URL(origin.url).host);
    socket.resetAndDestroy();
    expect((await ask(origin.feedUrl)).status).toBe(200);
    const raw = connect(proxy.port, proxy.host, () => raw.end('SSH-2.0-x\r\n\r\n'));
    await new Promise((resolve) =>
      raw
        .on('error', () => undefined)
        .on('close', resolve)
        .resume(),
    );
    expect((await ask(origin.feedUrl)).status).toBe(200);
  });
});
