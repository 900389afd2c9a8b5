import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { type BodySink, type ExchangeOptions, type ExchangeResult, exchange } from '#http/exchange.ts';
import { CountingClock } from '#test/support/counting-clock.ts';
import {
  openPlainConnection,
  type PlainConnection,
  type PlainConnectionOptions,
} from '#test/support/plain-connection.ts';
import { type RawServer, type RawServerOptions, startRawServer } from '#test/support/raw-server.ts';

const KEY = 'response_timeout.base_ms';
const PATIENT = { firstByteMs: 5_000, silenceMs: 5_000, totalMs: 2_147_483_647, key: KEY };
const servers: RawServer[] = [];

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(onRequest: RawServerOptions['onRequest'], onConnect?: (socket: Socket) => void) {
  const server = await startRawServer({ onRequest, ...(onConnect === undefined ? {} : { onConnect }) });
  servers.push(server);
  return server;
}

/** A server that sends these bytes and closes, or (`open`) leaves the connection open. */
function serveText(text: string | Uint8Array, open: 'closes' | 'open' = 'closes') {
  return serve((socket) => (open === 'open' ? socket.write(text) : socket.end(text)));
}

interface Asked {
  readonly result: ExchangeResult;
  readonly body: Buffer;
  readonly connection: PlainConnection;
  readonly clock: CountingClock;
  /** Final statuses that the caller received. */
  readonly shown: readonly number[];
  readonly chunks: readonly number[];
}

interface Asking {
  readonly connection?: Partial<PlainConnectionOptions>;
  readonly options?: Partial<ExchangeOptions>;
  readonly request?: Partial<ExchangeOptions['request']>;
  readonly sink?: BodySink | null;
}

async function ask(server: RawServer, asking: Asking = {}): Promise<Asked> {
  const connection = await openPlainConnection({ port: server.port, ...asking.connection });
  const clock = new CountingClock();
  const parts: Buffer[] = [];
  const shown: number[] = [];
  const keep: BodySink = { write: (chunk) => parts.push(Buffer.from(chunk)) };
  const result = await exchange({
    connection,
    request: {
      method: 'GET',
      url: new URL(`http://127.0.0.1:${server.port}/a/b.jar?token=abc#part`),
      headers: { 'User-Agent': 'Sallyport/0' },
      ...asking.request,
    },
    deadlines: PATIENT,
    clock,
    signal: new AbortController().signal,
    expectedBytes: 10,
    onHead: (head) => {
      shown.push(head.status);
      return asking.sink === undefined ? keep : asking.sink;
    },
    ...asking.options,
  });
  return { result, body: Buffer.concat(parts), connection, clock, shown, chunks: parts.map((part) => part.length) };
}

const ok = (length: number, more = '') => `HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n${more}\r\n`;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** The failure's code, or the outcome. */
const verdict = ({ result }: Asked) => (result.ended === 'failed' ? result.error.code : result.ended);

/** Writes piece by piece, each in a packet of its own as far as the kernel permits. */
async function trickle(socket: Socket, pieces: readonly (string | Uint8Array)[]): Promise<void> {
  socket.setNoDelay(true);
  for (const piece of pieces) {
    await new Promise((resolve) => socket.write(piece, resolve));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe.each([
  ['a bulk connection', true],
  ['a connection of data events', false],
])('exchange: over %s', (_name, bulk) => {
  const connection = { bulk };

  it('reads a counted body bit for bit, and releases the connection once', async () => {
    const sent = randomBytes(3_000_000);
    const server = await serve((socket) => {
      socket.write(ok(sent.length));
      socket.end(sent);
    });

    const asked = await ask(server, { connection });

    expect(verdict(asked)).toBe('complete');
    expect(sha256(asked.body)).toBe(sha256(sent));
    expect(asked.result).toMatchObject({ bytes: sent.length, head: { status: 200, contentLength: sent.length } });
    expect(asked.connection.releases).toBe(1);
    expect(asked.connection.socket.destroyed).toBe(true);
    expect(asked.clock.pending).toBe(0);
  });

  it('reads head and body however the packets are split', async () => {
    const whole = Buffer.from(`HTTP/1.1 103 Early\r\nLink: x\r\n\r\n${ok(5)}hello`);
    const server = await serve((socket) => {
      void trickle(
        socket,
        [...whole].map((byte) => Uint8Array.of(byte)),
      );
    });

    const asked = await ask(server, { connection });

    expect(verdict(asked)).toBe('complete');
    expect(asked.body.toString()).toBe('hello');
  });

  it('is complete with the last promised byte, on an open connection', async () => {
    const server = await serveText(`${ok(5)}hello`, 'open');

    expect(await ask(server, { connection })).toMatchObject({ result: { ended: 'complete', bytes: 5 } });
    await server.allClosed();
  });

  it('drops what follows a counted body', async () => {
    const server = await serveText(`${ok(5)}helloHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad`);

    const asked = await ask(server, { connection });

    expect(asked.body.toString()).toBe('hello');
    expect(asked.shown).toEqual([200]);
  });

  it('reads a chunked body with extensions and trailers', async () => {
    const server = await serveText(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-T: 1\r\n\r\n',
      'open',
    );

    const asked = await ask(server, { connection });

    expect(verdict(asked)).toBe('complete');
    expect(asked.body.toString()).toBe('hello world');
    expect(asked.result.head?.contentLength).toBeNull();
  });

  it('reads a large chunked body bit for bit from the reused buffer', async () => {
    const sent = randomBytes(1_000_000);
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
      for (let at = 0; at < sent.length; at += 40_000) {
        const part = sent.subarray(at, at + 40_000);
        socket.write(`${part.length.toString(16)}\r\n`);
        socket.write(part);
        socket.write('\r\n');
      }
      socket.write('0\r\n\r\n');
    });

    const asked = await ask(server, { connection });

    expect(verdict(asked)).toBe('complete');
    expect(sha256(asked.body)).toBe(sha256(sent));
  });

  it('reads a body that ends with the connection', async () => {
    const server = await serveText('HTTP/1.0 200 OK\r\n\r\nhello');

    const asked = await ask(server, { connection });

    expect(verdict(asked)).toBe('complete');
    expect(asked.body.toString()).toBe('hello');
  });

  it.each([
    ['GET', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['GET', 'HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n'],
    ['GET', ok(0)],
    ['HEAD', ok(99)],
  ] as const)('is complete at the end of a head without a body: %s, %j', async (method, said) => {
    const server = await serveText(said, 'open');

    const asked = await ask(server, { connection, request: { method } });

    expect(asked.result).toMatchObject({ ended: 'complete', bytes: 0, measured: { firstByteMs: expect.any(Number) } });
    expect(asked.clock.pending).toBe(0);
  });

  it('accepts 32 interim responses and not one more', async () => {
    const interim = 'HTTP/1.1 102 Processing\r\n\r\n';

    const taken = await ask(await serveText(`${interim.repeat(32)}${ok(2)}ok`), { connection });
    const refused = await ask(await serveText(`${interim.repeat(33)}${ok(2)}ok`), { connection });

    expect(taken.body.toString()).toBe('ok');
    expect(verdict(refused)).toBe('TOO-MANY-INTERIM');
  });

  it('accepts a server that answers before the request was sent', async () => {
    const server = await serve(
      () => {},
      (socket) => socket.write(`${ok(5)}hello`),
    );
    const early = await openPlainConnection({ port: server.port, bulk });
    if (!bulk) await once(early.socket, 'readable');

    const asked = await ask(server, { options: { connection: early } });

    expect(verdict(asked)).toBe('complete');
    expect(asked.body.toString()).toBe('hello');
  });

  it('reports head and timing of a dropped response, and disconnects', async () => {
    const server = await serveText(
      `HTTP/1.1 302 Found\r\nVia: 1.1 a\r\nLocation: /x\r\nContent-Length: 9\r\n\r\n`,
      'open',
    );

    const asked = await ask(server, { connection, sink: null });

    expect(asked.result).toMatchObject({ ended: 'dropped', bytes: 0, head: { status: 302, via: '1.1 a' } });
    await server.allClosed();
  });

  it.each([
    ['CONNECTION-LOST', '', 0],
    ['CONNECTION-LOST', 'HTTP/1.1 200 OK\r\nConte', 0],
    ['CONNECTION-LOST', `${ok(9)}short`, 5],
    ['CONNECTION-LOST', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel', 3],
    ['BAD-RESPONSE', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 0],
    ['BAD-RESPONSE', 'SSH-2.0-OpenSSH_9.2\r\n', 0],
    ['BAD-RESPONSE', '<html>\r\n\r\n', 0],
    ['BAD-RESPONSE', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(1_048_576)}\r\n\r\n`, 0],
    ['BAD-RESPONSE', 'HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\nok', 0],
    ['BAD-RESPONSE', `HTTP/1.1 200 OK\r\n${'a:\r\n'.repeat(2_001)}\r\n`, 0],
    ['BAD-RESPONSE', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok', 0],
    ['BAD-RESPONSE', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok', 0],
    ['BAD-RESPONSE', 'HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999\r\n\r\nok', 0],
    ['BAD-RESPONSE', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok', 0],
    ['BAD-RESPONSE', 'HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n', 0],
    ['BAD-RESPONSE', 'HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok', 0],
    ['BAD-RESPONSE', 'HTTP/1.1 600 Odd\r\nContent-Length: 2\r\n\r\nok', 0],
    ['CONTENT-ENCODED', `${ok(4, 'Content-Encoding: gzip\r\n')}abcd`, 0],
    ['ORIGIN-407', 'HTTP/1.1 407 Auth\r\nContent-Length: 0\r\n\r\n', 0],
    ['TOO-MANY-INTERIM', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(50_000), 0],
  ])('fails with %s, names the hop and leaves nothing: %.60j', async (code, said, bytes) => {
    const server = await serveText(said);

    const asked = await ask(server, { connection });

    expect(verdict(asked)).toBe(code);
    expect(asked.result.bytes).toBe(bytes);
    const error = asked.result.ended === 'failed' ? asked.result.error : expect.fail('it did not fail');
    expect(error.hop).toBe(`127.0.0.1:${server.port}`);
    expect(error.message).not.toContain('token=abc');
    expect(asked.clock.pending).toBe(0);
    await server.allClosed();
  });

  it.each([
    ['bare LF', 'HTTP/1.1 200 OK\nContent-Length: 5\n\nhello'],
    ['obs-fold', 'HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 5\r\n\r\nhello'],
    ['a blank before the colon', 'HTTP/1.1 200 OK\r\nContent-Length : 5\r\n\r\nhello'],
    ['two equal lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5, 5\r\n\r\nhello'],
    ['a head of 256 KB', `HTTP/1.1 200 OK\r\nX: ${'x'.repeat(262_000)}\r\nContent-Length: 5\r\n\r\nhello`],
    [
      'bare LF in an interim head, and chunks',
      `HTTP/1.1 103 E\n\nHTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\r\nhello\r\n0\r\n\r\n`,
    ],
  ])('accepts %s, as RFC 9112 allows', async (_name, said) => {
    const asked = await ask(await serveText(said), { connection });
    expect(verdict(asked)).toBe('complete');
    expect(asked.body.toString()).toBe('hello');
  });

  it.each([
    `${ok(1_000)}half`,
    'HTTP/1.1 200 OK\r\n\r\nhalf',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf',
  ])('never takes a reset for an end, and keeps the bytes: %j', async (said) => {
    const reset = Promise.withResolvers<void>();
    const server = await serve((socket) => {
      socket.write(said);
      void reset.promise.then(() => socket.resetAndDestroy());
    });

    const asked = await ask(server, { connection, sink: { write: () => reset.resolve() } });

    expect(verdict(asked)).toBe('CONNECTION-LOST');
    expect(asked.result.bytes).toBe(4);
  });

  it.each([
    ['first_byte', '', { firstByteMs: 40 }],
    ['first_byte', ok(9), { firstByteMs: 40 }],
    ['first_byte', 'HTTP/1.1 103 Early\r\n\r\n', { firstByteMs: 40 }],
    ['silence', `${ok(9)}ab`, { silenceMs: 40 }],
    ['silence', 'HTTP/1.1 200 OK\r\n\r\nab', { silenceMs: 40 }],
  ] as const)('ends a wait for the %s within its limit after %j, naming the key', async (phase, said, limits) => {
    const server = await serveText(said, 'open');

    const asked = await ask(server, { connection, options: { deadlines: { ...PATIENT, ...limits } } });

    expect(verdict(asked)).toBe('RESPONSE-TIMEOUT');
    const { measured } = asked.result;
    expect(measured.timedOut).toBe(phase);
    expect(measured.totalMs).toBeGreaterThanOrEqual(40);
    expect(measured.firstByteMs === null).toBe(phase === 'first_byte');
    if (phase === 'silence') expect(measured.longestSilenceMs).toBeGreaterThanOrEqual(40);
    expect(asked.result.ended === 'failed' && asked.result.error.message).toContain(`(${KEY})`);
    expect(asked.clock.pending).toBe(0);
    await server.allClosed();
  });

  it('ends a whole exchange at its total limit, even if bytes keep coming', async () => {
    const server = await serve((socket) => {
      socket.write(ok(1_000_000));
      const tick = setInterval(() => socket.write('x'), 5);
      socket.on('close', () => clearInterval(tick));
    });

    const asked = await ask(server, { connection, options: { deadlines: { ...PATIENT, totalMs: 60 } } });

    expect(asked.result).toMatchObject({ ended: 'failed', measured: { timedOut: 'total' } });
    expect(verdict(asked)).toBe('RESPONSE-TRICKLES');
  });

  it('continues beyond its total limit as long as the caller extends it', async () => {
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n');
      const tick = setInterval(() => socket.write('x'), 10);
      socket.on('close', () => clearInterval(tick));
    });
    const asked: [number, number][] = [];
    const extend = (elapsedMs: number, bytes: number) => {
      asked.push([elapsedMs, bytes]);
      return elapsedMs + 30;
    };

    const { result } = await ask(server, { connection, options: { deadlines: { ...PATIENT, totalMs: 20, extend } } });

    expect(result).toMatchObject({ ended: 'complete', bytes: 8 });
    expect(asked.length).toBeGreaterThan(0);
  });

  it('does not take slow header bytes for a body', async () => {
    const server = await serve((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      const tick = setInterval(() => socket.write('X: y\r\n'), 5);
      socket.on('close', () => clearInterval(tick));
    });

    const asked = await ask(server, { connection, options: { deadlines: { ...PATIENT, firstByteMs: 60 } } });

    expect(asked.result).toMatchObject({ ended: 'failed', measured: { timedOut: 'first_byte', firstByteMs: null } });
  });

  it('rejects at once with the reason of an abort, and disconnects', async () => {
    const aborter = new AbortController();
    const server = await serveText(`${ok(9)}ab`, 'open');
    const early = await openPlainConnection({ port: server.port, bulk });
    const sink = { write: () => aborter.abort(new Error('stop')) };

    await expect(ask(server, { sink, options: { connection: early, signal: aborter.signal } })).rejects.toThrow('stop');

    expect(early.socket.destroyed).toBe(true);
    expect(early.releases).toBe(1);
  });

  it('sends nothing if it is aborted before the start', async () => {
    const server = await serveText(ok(0));
    const early = await openPlainConnection({ port: server.port, bulk });
    const signal = AbortSignal.abort(new Error('before'));

    await expect(ask(server, { options: { connection: early, signal } })).rejects.toThrow('before');

    expect(early.socket.destroyed).toBe(true);
    expect(server.requests).toEqual([]);
  });

  it('ends with the error that the sink threw', async () => {
    const refusal = coded('BODY-TOO-LONG', { expected: 1, hop: 'x' });
    const server = await serveText(`${ok(9)}abc`, 'open');

    const sink = {
      write: () => {
        throw refusal;
      },
    };
    const asked = await ask(server, { connection, sink });

    expect(asked.result).toMatchObject({ ended: 'failed', error: refusal, bytes: 0 });
    await server.allClosed();
  });

  it('ends with the error that the check of the head threw', async () => {
    const server = await serveText(`${ok(9)}abc`, 'open');

    const asked = await ask(server, {
      connection,
      options: {
        onHead: () => {
          throw new Error('odd');
        },
      },
    });

    expect(verdict(asked)).toBe('INTERNAL');
    await server.allClosed();
  });

  it('fails over a connection that is already closed', async () => {
    const server = await serveText('');
    const closed = await openPlainConnection({ port: server.port, bulk });
    closed.socket.destroy();

    expect(verdict(await ask(server, { options: { connection: closed } }))).toBe('CONNECTION-LOST');
  });
});

describe('exchange: a request', () => {
  it('has the common headers, and no credentials but its own', async () => {
    const server = await serveText(ok(0));

    await ask(server, {
      request: { headers: { 'User-Agent': 'S/1', 'proxy-authorization': 'Basic stolen', Range: 'bytes=5-' } },
    });

    const [head = ''] = server.requests;
    expect(head).toMatch(/^GET \/a\/b\.jar\?token=abc HTTP\/1\.1\r\n/);
    expect(head.toLowerCase().split('\r\n').slice(1, -2).toSorted()).toEqual([
      'accept-encoding: identity',
      'connection: close',
      `host: 127.0.0.1:${server.port}`,
      'range: bytes=5-',
      'user-agent: s/1',
    ]);
  });

  it("has the whole URL and the hop's headers for a forwarding proxy", async () => {
    const server = await serveText(ok(0));

    await ask(server, {
      connection: { form: 'absolute', requestHeaders: { 'Proxy-Authorization': 'Basic eA==' } },
      request: { url: new URL('http://updates.example.com/a?b#c') },
    });

    expect(server.requests[0]).toMatch(/^GET http:\/\/updates\.example\.com\/a\?b HTTP\/1\.1\r\n/);
    expect(server.requests[0]?.toLowerCase()).toContain('\r\nhost: updates.example.com\r\n');
    expect(server.requests[0]?.toLowerCase()).toContain('\r\nproxy-authorization: basic ea==\r\n');
  });

  it("fails as the proxy's if the hop answered, before its head", async () => {
    const denied = coded('POLICY-DENIED', { proxy: 'corp', target: 'x', status: 403, said: 'ERR_ACCESS_DENIED' });
    const server = await serveText('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');

    const asked = await ask(server, {
      connection: {
        form: 'absolute',
        validateResponse: (head) => {
          if (head.status === 403) throw denied;
        },
      },
    });

    expect(asked.result).toMatchObject({ ended: 'failed', error: denied });
    expect(asked.shown).toEqual([]);
  });

  it('shows an error page even if it is encoded: only a success is taken for the content', async () => {
    const server = await serveText('HTTP/1.1 404 No\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd');

    expect(await ask(server)).toMatchObject({ result: { ended: 'complete', bytes: 4, head: { status: 404 } } });
  });

  it('has first byte and longest silence measured separately', async () => {
    const server = await serve((socket) => {
      socket.write(ok(2));
      setTimeout(() => socket.write('a'), 40);
      setTimeout(() => socket.end('b'), 120);
    });

    const { measured } = (await ask(server)).result;

    expect(measured.firstByteMs).toBeGreaterThanOrEqual(35);
    expect(measured.longestSilenceMs).toBeGreaterThanOrEqual(60);
    expect(measured.totalMs).toBeGreaterThanOrEqual(110);
    expect(measured.timedOut).toBeNull();
  });

  it('creates no timer per chunk', async () => {
    const server = await serve((socket) => {
      socket.write(ok(20_000_000));
      socket.end(Buffer.alloc(20_000_000));
    });

    const asked = await ask(server, { connection: { bulk: true } });

    expect(asked.chunks.length).toBeGreaterThan(100);
    expect(asked.clock.made).toBe(2);
  });

  it('joins repeated fields and reports Via', async () => {
    const server = await serveText(ok(0, 'Via: 1.1 a\r\nvia: 1.0 b (x)\r\nX-A: 1\r\n'));

    const { head } = (await ask(server)).result;

    expect(head?.via).toBe('1.1 a, 1.0 b (x)');
    expect(head?.header('x-a')).toBe('1');
    expect(head?.header('X-B')).toBeUndefined();
  });
});
