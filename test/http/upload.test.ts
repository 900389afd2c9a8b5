// Bodies that are sent to peers that read slowly, stop or refuse: rates of the field at a tenth of the size, with real
// sockets and the kernel's own buffers. `bench/slow-uploads.ts` does the same at full size.

import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { RequestBody } from '#http/session/body.ts';
import { Session, type SessionRequest, type SessionResponse } from '#http/session/session.ts';
import { CountingClock } from '#test/support/counting-clock.ts';
import { type KeptServer, startKeptServer } from '#test/support/kept-server.ts';
import { type Loopback, listenOnLoopback } from '#test/support/loopback.ts';
import { type SlowReader, type SlowReaderOptions, startSlowReader } from '#test/support/slow-reader.ts';
import { testRouter } from '#test/support/test-router.ts';

const MB = 1_000_000;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** A body of zeros that records whether it was released. */
function body(length: number, sends = length): RequestBody & { readonly open: RequestBody['open']; closed: number } {
  const chunk = Buffer.alloc(65_536);
  const made = {
    length,
    closed: 0,
    async *open(offset: number) {
      try {
        for (let at = offset; at < sends; at += chunk.length) yield chunk.subarray(0, sends - at);
      } finally {
        made.closed += 1;
      }
    },
  };
  return made;
}

async function slowReader(options: SlowReaderOptions): Promise<SlowReader> {
  const reader = await startSlowReader(options);
  closing.push(() => reader.close());
  return reader;
}

function put(
  { port }: { readonly port: number },
  sent: RequestBody,
  { firstByteMs, ...options }: { readonly firstByteMs: number } & Partial<SessionRequest>,
): { readonly outcome: Promise<SessionResponse>; readonly clock: CountingClock; readonly session: Session } {
  const clock = new CountingClock();
  const session = new Session({ router: testRouter(), purpose: 'support_logs', clock });
  closing.push(() => session.close());
  const outcome = session.request({
    request: { method: 'PUT', url: new URL(`http://127.0.0.1:${port}/`), headers: {}, body: sent },
    deadlines: { firstByteMs, silenceMs: firstByteMs, totalMs: 2_147_483_647, key: 'response_timeout.base_ms' },
    limitBytes: 1_000,
    signal: new AbortController().signal,
    ...options,
  });
  outcome.catch(() => {});
  return { outcome, clock, session };
}

describe('upload: a body', () => {
  it.each([
    ['4 MB at 5 MB/s', 4 * MB, 5 * MB, 300],
    ['300 KB at 200 KB/s', 300_000, 200_000, 300],
  ])('to a peer that reads %s completes, though longer than its deadline', async (_name, size, rate, firstByteMs) => {
    const reader = await slowReader({ rate });
    const seen: number[] = [];
    const sent = body(size);

    const { outcome, clock, session } = put(reader, sent, { firstByteMs, onProgress: (bytes) => seen.push(bytes) });

    expect((await outcome).head.status).toBe(200);
    expect(seen.at(-1)).toBe(size);
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(sent.closed).toBe(1);
    session.close();
    expect(clock.pending).toBe(0);
  });

  it('to a peer that stops reading ends after its deadline, in phase request', async () => {
    const reader = await slowReader({ rate: 10 * MB, stallsAfter: 2 * MB });
    const sent = body(60 * MB);
    const { outcome, clock } = put(reader, sent, { firstByteMs: 500 });

    const error = await outcome.then(
      () => expect.fail('it succeeded'),
      (thrown: unknown) => thrown,
    );

    expect(error).toMatchObject({ code: 'REQUEST-TIMEOUT', trace: { phase: 'request' } });
    expect((error as Error).message).toMatch(/accepted no data for 500 ms \(response_timeout\.base_ms\)/);
    expect(sent.closed).toBe(1);
    expect(clock.pending).toBe(0);
  });

  it('ends at its total limit if the peer reads too slowly', async () => {
    const reader = await slowReader({ rate: 200_000 });
    const sent = body(20 * MB);
    const deadlines = {
      firstByteMs: 30_000,
      silenceMs: 30_000,
      totalMs: 400,
      key: 'key',
      sending: { ms: 30_000, key: 'other' },
    };

    const { outcome } = put(reader, sent, { firstByteMs: 0, deadlines: () => deadlines });

    await expect(outcome).rejects.toMatchObject({ code: 'REQUEST-TRICKLES', facts: { length: 20 * MB } });
    expect(sent.closed).toBe(1);
  });

  it('from a source with one buffer for all its chunks is sent unchanged', async () => {
    const reader = await startHashingReader(400 * 10_000);
    const wanted = createHash('sha256');
    // Smaller than the buffer of a stream: without a wait, several chunks would be in that buffer.
    const chunk = Buffer.alloc(10_000);
    const source = {
      length: 400 * chunk.length,
      async *open() {
        for (let part = 0; part < 400; part += 1) {
          wanted.update(chunk.fill(part));
          yield await Promise.resolve(chunk);
        }
      },
    };

    expect((await put(reader, source, { firstByteMs: 5_000 }).outcome).head.status).toBe(200);
    expect(reader.digest()).toBe(wanted.digest('hex'));
  });

  it('to a peer that reads all and sends nothing ends in the phase response', async () => {
    const server = await kept(() => {});
    // The deadline grows with what the kernel may still have to send.
    const { outcome } = put(server, body(5_000), { firstByteMs: 100, signal: AbortSignal.timeout(20_000) });

    await expect(outcome).rejects.toMatchObject({ code: 'RESPONSE-TIMEOUT', trace: { phase: 'response' } });
  }, 120_000);

  it('that is refused before its end gets the answer of the server', async () => {
    const reader = await refusing();
    const sent = body(20 * MB);

    const { head } = await put(reader, sent, { firstByteMs: 5_000 }).outcome;

    expect(head.status).toBe(413);
    expect(sent.closed).toBe(1);
  });

  it.each([
    ['shorter', 150_000],
    ['longer', 250_000],
  ])('that is %s than its announced length fails, and its source is closed', async (_what, sends) => {
    const server = await kept((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    const sent = body(200_000, sends);

    await expect(put(server, sent, { firstByteMs: 5_000 }).outcome).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(sent.closed).toBe(1);
  });

  it('that is aborted has its source closed, even if the peer reads nothing', async () => {
    const reader = await slowReader({ rate: 10 * MB, stallsAfter: MB });
    const aborter = new AbortController();
    const sent = body(60 * MB);
    const { outcome, clock } = put(reader, sent, {
      firstByteMs: 20_000,
      signal: aborter.signal,
      onProgress: () => aborter.abort(new Error('stop')),
    });

    await expect(outcome).rejects.toThrow('stop');
    expect(sent.closed).toBe(1);
    expect(clock.pending).toBe(0);
  });
});

/** Answers as soon as the head has arrived, and continues reading. */
async function refusing(): Promise<Loopback> {
  const server = await listenOnLoopback(
    createServer((socket) => {
      socket.once('data', () => socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n'));
      socket.resume();
    }),
  );
  closing.push(() => server.close());
  return server;
}

/** Reads in small steps with pauses, so that the sender's buffers are full; answers once the whole body has arrived. */
async function startHashingReader(bodyBytes: number): Promise<Loopback & { digest(): string }> {
  const chunks: Buffer[] = [];
  let missing = bodyBytes;
  const server = await listenOnLoopback(
    createServer({ highWaterMark: 16_384 }, (socket) => {
      socket.on('data', (chunk: Buffer) => {
        if (chunks.length === 0) missing += chunk.indexOf('\r\n\r\n') + 4;
        chunks.push(chunk);
        missing -= chunk.length;
        if (missing === 0) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
        socket.pause();
        setImmediate(() => socket.resume());
      });
    }),
  );
  closing.push(() => server.close());
  const digest = () => createHash('sha256').update(Buffer.concat(chunks).subarray(-bodyBytes)).digest('hex');
  return { ...server, digest };
}

async function kept(onRequest: Parameters<typeof startKeptServer>[0]): Promise<KeptServer> {
  const server = await startKeptServer(onRequest);
  closing.push(() => server.close());
  return server;
}
