// tus-js-client over a session, against a real tus server, through a proxy that requires credentials.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:https';
import { createServer as createTcp, connect as dial } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileStore } from '@tus/file-store';
import { Server as TusServer } from '@tus/server';
import { Upload } from 'tus-js-client';
import { afterEach, describe, expect, it } from 'vitest';
import type { RequestBody } from '#http/session/body.ts';
import { Session } from '#http/session/session.ts';
import { bodyReader, TusStack } from '#http/session/tus-stack.ts';
import { createCa } from '#test/support/certificates.ts';
import { CountingClock } from '#test/support/counting-clock.ts';
import { startLoginProxy } from '#test/support/login-proxy.ts';
import { listenOnLoopback } from '#test/support/loopback.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

const USER = { user: 'svc', domain: 'CORP', password: 'open sesame' } as const;
const ca = createCa();
const bytes = Buffer.from(Array.from({ length: 900_000 }, (_none, at) => (at * 31) % 251));
const body: RequestBody = {
  length: bytes.length,
  async *open(offset) {
    // One buffer for all chunks, as in a spool.
    const chunk = Buffer.alloc(100_000);
    for (let at = offset; at < bytes.length; at += chunk.length) {
      yield chunk.subarray(0, bytes.copy(chunk, 0, at, at + chunk.length));
    }
  },
};

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

async function startTus() {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-tus-'));
  closing.push(() => rm(folder, { recursive: true }));
  const requests: string[] = [];
  const tus = new TusServer({
    path: '/files',
    datastore: new FileStore({ directory: folder }),
    relativeLocation: true,
  });
  const server = createServer(ca.issue(), (request, response) => {
    requests.push(request.method ?? '');
    void tus.handle(request, response);
  });
  const { port, close } = await listenOnLoopback(server);
  closing.push(close);
  return { folder, requests, port };
}

/** Forwards bytes to `port`, and cuts the first connection after a given number of them. */
async function startCutter(port: number, cutAfter: number) {
  let passed = 0;
  let cuts = 0;
  const server = createTcp((socket) => {
    const upstream = dial(port, '127.0.0.1');
    upstream.on('error', () => socket.destroy());
    socket.on('close', () => upstream.destroy());
    upstream.pipe(socket);
    socket.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      upstream.write(chunk);
      if (cuts > 0 || passed < cutAfter) return;
      cuts += 1;
      socket.resetAndDestroy();
    });
  });
  const loopback = await listenOnLoopback(server);
  closing.push(() => loopback.close());
  return { port: loopback.port, cuts: () => cuts };
}

interface Sent {
  readonly upload: Upload;
  readonly error: { readonly causingError?: { readonly code?: string } | null } | null;
  readonly progress: readonly number[];
}

function send(endpoint: string, stack: TusStack, options: object = {}): Promise<Sent> {
  const progress: number[] = [];
  return new Promise((resolve) => {
    const upload: Upload = new Upload(body as never, {
      endpoint,
      httpStack: stack,
      fileReader: bodyReader,
      chunkSize: 300_000,
      retryDelays: [],
      onProgress: (sent) => progress.push(sent),
      onError: (error) => resolve({ upload, error: error as Sent['error'], progress }),
      onSuccess: () => resolve({ upload, error: null, progress }),
      ...options,
    });
    upload.start();
  });
}

function stackFor(port: number, endpoint: string) {
  const clock = new CountingClock();
  const router = testRouter({
    trust: { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } },
    proxies: [profile(port, { ...USER, authentication: 'ntlm' })],
  });
  const session = new Session({ router, purpose: 'support_logs', clock });
  closing.push(() => session.close());
  const deadlines = { firstByteMs: 10_000, silenceMs: 10_000, totalMs: 60_000, key: 'key' };
  const stack = new TusStack({
    endpoint: new URL(endpoint),
    send: (request, sending) => session.request({ request, deadlines, limitBytes: 65_536, ...sending }),
  });
  return { stack, session, clock };
}

describe('tus: an upload over a session', () => {
  it('uses one tunnel of an NTLM proxy, and reports progress', async () => {
    const target = await startTus();
    const proxy = await startLoginProxy('ntlm', USER, target.port);
    closing.push(() => proxy.close());
    const endpoint = `https://localhost:${target.port}/files`;
    const { stack, session, clock } = stackFor(proxy.port, endpoint);

    const { error, upload, progress } = await send(endpoint, stack);

    expect(error).toBeNull();
    expect((await readFile(join(target.folder, upload.url?.split('/').at(-1) ?? ''))).equals(bytes)).toBe(true);
    expect(target.requests).toEqual(['POST', 'PATCH', 'PATCH', 'PATCH']);
    expect(proxy.counted).toMatchObject({ connections: 1, tunnels: 1 });
    expect(progress.at(-1)).toBe(bytes.length);
    session.close();
    expect(clock.pending).toBe(0);
  });

  it("that is cut resumes at the server's offset, without a POST", async () => {
    const target = await startTus();
    const cutter = await startCutter(target.port, 500_000);
    const proxy = await startLoginProxy('ntlm', USER, cutter.port);
    closing.push(() => proxy.close());
    const endpoint = `https://localhost:${target.port}/files`;
    const { stack } = stackFor(proxy.port, endpoint);

    const cut = await send(endpoint, stack);
    expect(cut.error?.causingError).toMatchObject({ code: 'CONNECTION-LOST' });
    const resumed = await send(endpoint, stack, { endpoint: null, uploadUrl: cut.upload.url });

    expect(resumed.error).toBeNull();
    expect(cutter.cuts()).toBe(1);
    const [file = ''] = (await readdir(target.folder)).filter((name) => !name.endsWith('.json'));
    expect((await readFile(join(target.folder, file))).equals(bytes)).toBe(true);
    expect(target.requests.filter((method) => method === 'POST')).toHaveLength(1);
    expect(target.requests).toContain('HEAD');
  });

  it('that gets another origin by Location sends nothing there', async () => {
    const server = createServer(ca.issue(), (_request, response) => {
      response.writeHead(201, { location: 'https://evil.example.com/files/1', 'tus-resumable': '1.0.0' }).end();
    });
    const { port, close } = await listenOnLoopback(server);
    closing.push(close);
    const proxy = await startLoginProxy('ntlm', USER, port);
    closing.push(() => proxy.close());
    const endpoint = `https://localhost:${port}/files`;
    const { stack } = stackFor(proxy.port, endpoint);

    expect((await send(endpoint, stack)).error?.causingError).toMatchObject({ code: 'URL-ELSEWHERE' });
    expect(proxy.counted.tunnels).toBe(1);
  });
});
