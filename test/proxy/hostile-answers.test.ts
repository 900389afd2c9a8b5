// Any bytes of a proxy, in any chunks: opening a tunnel ends by itself, with a tunnel or with a coded failure,
// and of an endless answer no more is read than the limit of an answer.

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CodedError } from '#errors/coded-error.ts';
import type { Authentication } from '#proxy/auth/schemes/scheme.ts';
import type { HopScheme } from '#proxy/profile.ts';
import { systemClock } from '#system/clock.ts';
import { type TestRouter, profile as testProfile, testRouter } from '#test/support/test-router.ts';

const TARGET = new URL('ws://updates.example.com:8080/');
const plain = { bulk: false, signal: new AbortController().signal };

/** The answer to a connection; the client is read during all of it. */
let answer: (client: Socket) => void;
let server: Server;
const bytesSent: number[] = [];
beforeAll(async () => {
  server = createServer({ noDelay: true }, (client) => {
    client.on('error', () => {});
    client.on('close', () => bytesSent.push(client.bytesWritten));
    client.once('data', () => {
      client.resume();
      answer(client);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(() => server.close());

/** Says the pieces one by one and closes. */
function says(pieces: readonly Buffer[]): (client: Socket) => void {
  return (client) => {
    const [first, ...rest] = pieces;
    if (first === undefined) client.end();
    else client.write(first, () => setImmediate(() => says(rest)(client)));
  };
}

/** Repeats the same bytes for as long as the client accepts them. */
function saysForEver(begin: string, more: string): (client: Socket) => void {
  return (client) => {
    const block = Buffer.from(more.repeat(Math.ceil(8_192 / more.length)));
    const next = () => {
      while (!client.destroyed && client.write(block));
    };
    client.write(begin);
    client.on('drain', next);
    next();
  };
}

function routerFor(scheme: HopScheme, authentication?: Authentication): TestRouter {
  const { port } = server.address() as AddressInfo;
  const account = authentication === undefined ? undefined : { user: 'svc', password: 'open sesame', authentication };
  return testRouter({ proxies: [{ ...testProfile(port, account), scheme }] });
}

/** The code of the failure, or that there is a tunnel. Fails by itself where what is thrown has none. */
async function outcome(scheme: HopScheme, authentication?: Authentication): Promise<string> {
  try {
    const connection = await routerFor(scheme, authentication).route('updates', TARGET).open(plain);
    connection.release();
    return 'tunnel';
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(CodedError);
    return (thrown as CodedError).code;
  }
}

/** The bytes cut at the given places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1)))].sort((a, b) => a - b);
  return [...ends, bytes.length]
    .map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end))
    .filter((piece) => piece.length > 0);
}

const places = fc.array(fc.nat(), { maxLength: 6 });
const anyBytes = fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes));
const pieces = fc.constantFrom(
  ...['HTTP/1.1 ', 'HTTP/1.0 ', '200', '407', '101', '100', '503', '99999', ' OK', '\r\n', '\r\n\r\n', '\n', ':', ': '],
  ...['Content-Length: 5', 'Content-Length: 99999999999', 'Transfer-Encoding: chunked', '\r\n5\r\nhello', '\r\n0\r\n'],
  ...['Connection: close', 'Proxy-Authenticate: ', 'Basic realm="x"', 'Digest nonce="', 'NTLM ', 'Negotiate ', '"'],
  ...['TlRMTVNTUAACAAAA', '\u0000', '\u001b[2K', '<html><title>', 'x'.repeat(700), ' '],
);
const httpish = fc.array(pieces, { maxLength: 40 }).map((all) => Buffer.from(all.join(''), 'latin1'));
const socksish = fc
  .array(
    fc.constantFrom(
      [5, 0],
      [5, 2],
      [5, 255],
      [1, 0],
      [1, 1],
      [0, 90],
      [0, 91],
      [5, 0, 0, 1, 127, 0, 0, 1, 0, 80],
      [5, 4, 0, 3, 255],
    ),
    { maxLength: 8 },
  )
  .map((all) => Buffer.from(all.flat()));

describe('opening a tunnel', () => {
  it.each([
    ['http', undefined, fc.oneof(anyBytes, httpish)],
    ['http', 'basic', httpish],
    ['http', 'digest', httpish],
    ['http', 'ntlm', httpish],
    ['http', 'auto', httpish],
    ['socks5h', undefined, fc.oneof(anyBytes, socksish)],
    ['socks5h', 'basic', fc.oneof(anyBytes, socksish)],
    ['socks4a', undefined, fc.oneof(anyBytes, socksish)],
  ] as const)(
    'opening a tunnel: %s (%s) ends with a tunnel or a code, whatever arrives in any chunks',
    async (scheme, authentication, hostile) => {
      await fc.assert(
        fc.asyncProperty(hostile, places, async (bytes, at) => {
          answer = says(cut(bytes, at));
          const startedMs = systemClock.monotonic();
          expect(await outcome(scheme, authentication)).toMatch(/^[A-Za-z0-9-]+$/);
          // By what was said and not by a deadline.
          expect(systemClock.monotonic() - startedMs).toBeLessThan(10_000);
        }),
        { numRuns: 60 },
      );
    },
  );

  interface Endless {
    readonly what: string;
    readonly scheme: 'http' | 'socks5h';
    readonly begin: string;
    readonly more: string;
    readonly code: string;
  }
  const CHUNKED = 'HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n';
  const interim = `HTTP/1.1 100 Continue\r\nX: ${'y'.repeat(500)}\r\n\r\n`;
  it.each<Endless>([
    { what: 'header fields', scheme: 'http', begin: 'HTTP/1.1 200 OK\r\n', more: 'X: y\r\n', code: 'PROXY-PROTOCOL' },
    { what: 'one header field', scheme: 'http', begin: 'HTTP/1.1 200 OK\r\nX: ', more: 'y', code: 'PROXY-PROTOCOL' },
    { what: 'a reason', scheme: 'http', begin: 'HTTP/1.1 200 ', more: 'OK', code: 'PROXY-PROTOCOL' },
    { what: 'interim responses', scheme: 'http', begin: '', more: interim, code: 'TOO-MANY-INTERIM' },
    { what: 'empty lines', scheme: 'http', begin: '', more: '\r\n', code: 'NOT-A-PROXY' },
    { what: 'nothing known', scheme: 'http', begin: '', more: '\u0001', code: 'NOT-A-PROXY' },
    { what: 'a page', scheme: 'http', begin: 'HTTP/1.1 503 No\r\n\r\n', more: '<p>', code: 'PROXY-UPSTREAM' },
    { what: 'chunks', scheme: 'http', begin: CHUNKED, more: '1\r\nx\r\n', code: 'PROXY-UPSTREAM' },
    { what: 'a chunk’s extension', scheme: 'http', begin: `${CHUNKED}1;`, more: 'x', code: 'PROXY-UPSTREAM' },
    { what: 'a challenge', scheme: 'http', begin: 'HTTP/1.1 407 X\r\n\r\n', more: 'x', code: 'AUTH-REQUIRED' },
    { what: 'what is no SOCKS', scheme: 'socks5h', begin: '', more: 'x', code: 'NOT-A-PROXY' },
    { what: 'replies', scheme: 'socks5h', begin: '\u0005\u0000', more: '\u0005', code: 'PROXY-UPSTREAM' },
  ])('opening a tunnel: endless $what ($scheme) is cut off at once at the size limit', async (one) => {
    answer = saysForEver(one.begin, one.more);
    bytesSent.length = 0;
    const [beforeMs, loop] = [systemClock.monotonic(), monitorEventLoopDelay({ resolution: 5 })];
    loop.enable();
    expect(await outcome(one.scheme)).toBe(one.code);
    loop.disable();
    // Neither by a deadline, nor while nothing else could be done: a second is for a busy machine.
    expect(systemClock.monotonic() - beforeMs).toBeLessThan(10_000);
    expect(loop.max / 1e6).toBeLessThan(1_000);
    while (bytesSent.length === 0) await new Promise((resolve) => setImmediate(resolve));
    // Bytes in the kernel's buffers count as sent: some MiB on loopback.
    expect(Math.max(...bytesSent)).toBeLessThan(16 * 1_048_576);
  });
});
