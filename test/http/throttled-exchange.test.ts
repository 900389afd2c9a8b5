import { createServer as createTcpServer, type Server } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { exchange, type Throttle } from '#http/exchange.ts';
import { createCa } from '#test/support/certificates.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { listenOnLoopback } from '#test/support/loopback.ts';
import { openPlainConnection } from '#test/support/plain-connection.ts';
import { SharedThrottle } from '#transfer/throttle/shared-throttle.ts';

const BODY = Buffer.alloc(3_000_000, 7);
const RATE = 500_000;
const servers: Server[] = [];

afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

const PATHS = ['bulk', 'stream', 'chunked', 'tls'] as const;

async function serve(path: (typeof PATHS)[number]) {
  const head = 'HTTP/1.1 200 OK\r\nConnection: close\r\n';
  const text = BODY.toString('latin1');
  const response =
    path === 'chunked'
      ? `${head}Transfer-Encoding: chunked\r\n\r\n${BODY.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`
      : `${head}Content-Length: ${BODY.length}\r\n\r\n${text}`;
  const answer = (socket: { once(event: 'data', then: () => void): void; end(text: string, as: 'latin1'): void }) =>
    socket.once('data', () => socket.end(response, 'latin1'));
  const server =
    path === 'tls' ? createTlsServer(createCa().issue(), answer) : createTcpServer((socket) => void answer(socket));
  servers.push(server);
  return (await listenOnLoopback(server)).port;
}

async function connectionTo(port: number, path: (typeof PATHS)[number]) {
  const plain = await openPlainConnection({ port, bulk: path === 'bulk' });
  if (path !== 'tls') return plain;
  // Only the reading is tested here.
  const socket: TLSSocket = connectTls({ socket: plain.socket, rejectUnauthorized: false });
  await new Promise((resolve) => socket.once('secureConnect', resolve));
  return { ...plain, socket, release: () => socket.destroy() };
}

/** Lets the fake time pass only while reading is paused: the line is as fast as this host. */
async function fetchAt(path: (typeof PATHS)[number]) {
  const clock = new FakeClock();
  const shared = new SharedThrottle(clock, () => RATE);
  let isPaused = false;
  let pauses = 0;
  const throttle: Throttle = {
    ready: (signal) => shared.ready(signal),
    limit: ({ pause, resume }) =>
      shared.limit({
        pause: () => {
          isPaused = true;
          pauses += 1;
          pause();
        },
        resume: () => {
          isPaused = false;
          resume();
        },
      }),
  };
  const port = await serve(path);
  let bytes = 0;
  let isOver = false;
  const running = exchange({
    connection: await connectionTo(port, path),
    request: { method: 'GET', url: new URL(`http://127.0.0.1:${port}/`), headers: {} },
    // Shorter than the pauses together, and the total shorter than the transfer.
    deadlines: { firstByteMs: 1_000, silenceMs: 40, totalMs: 2_000, key: 'k' },
    clock,
    signal: new AbortController().signal,
    expectedBytes: BODY.length,
    throttle,
    onHead: () => ({ write: (chunk) => (bytes += chunk.length) }),
  }).finally(() => {
    isOver = true;
  });
  while (!isOver) {
    if (isPaused) await clock.advanceAsync(Math.min(10, clock.untilNext ?? 10));
    else await turn();
  }
  return { result: await running, bytes, pauses, clock };
}

describe('throttled exchange', () => {
  it.each(PATHS)('%s: keeps the rate to 5 percent, and no deadline expires', async (path) => {
    const { result, bytes, pauses, clock } = await fetchAt(path);
    expect(result).toMatchObject({ ended: 'complete', bytes: BODY.length });
    expect(bytes).toBe(BODY.length);
    expect(Math.abs((bytes * 1_000) / clock.monotonic() / RATE - 1)).toBeLessThan(0.05);
    expect(pauses).toBeGreaterThan(20);
    const { totalMs, pausedMs, longestSilenceMs } = result.measured;
    expect(pausedMs).toBeGreaterThan(5_000);
    expect(totalMs).toBeLessThan(100);
    expect(longestSilenceMs).toBeLessThan(40);
    expect(clock.pending).toBe(0);
  });
});
