import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { originAt } from '#errors/hop.ts';
import { BULK_BUFFER_BYTES, dial } from '#proxy/opening/dial.ts';
import { systemClock } from '#system/clock.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { HAS_TCP_TABLE, tcpRow } from '#test/support/tcp-table.ts';

const never = new AbortController().signal;
const plain = { bulk: false, timeoutMs: 5_000, clock: systemClock, signal: never };

let server: Server;
let port: number;

beforeEach(async () => {
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});

afterEach(() => {
  server.close();
});

function target(host: string, proxy: string | null = null, at = port) {
  return { host, port: at, proxy, hop: originAt(`${host}:${at}`) };
}

describe('dialling', () => {
  it('dialing: an error on an open connection without listeners does not end the process', async () => {
    const accepted = once(server, 'connection');
    const { socket, bulk } = await dial(target('127.0.0.1'), plain);
    expect(bulk).toBeNull();
    const [peer] = await accepted;
    const closed = new Promise((resolve) => socket.on('close', resolve));
    peer.resetAndDestroy();
    await closed;
  });

  it.runIf(HAS_TCP_TABLE).each([
    ['a download', true, 0, 5_000],
    ['any other connection', false, 5_001, 30_000],
  ])('dialing: keep-alive of %s begins in time', async (_what, isTransfer, leastMs, mostMs) => {
    const { socket } = await dial(target('127.0.0.1'), { ...plain, isTransfer });
    const untilMs = tcpRow(socket.localPort ?? 0, port)?.keepAliveMs;
    socket.destroy();
    expect(untilMs).toBeGreaterThanOrEqual(leastMs);
    expect(untilMs).toBeLessThanOrEqual(mostMs);
  });

  it('names a port on which nothing listens', async () => {
    server.close();
    await expect(dial(target('127.0.0.1', 'corp'), plain)).rejects.toMatchObject({
      code: 'TCP-REFUSED',
      facts: { host: '127.0.0.1', port, hop: originAt(`127.0.0.1:${port}`) },
    });
  });

  it.each([
    ['corp', 'DNS-PROXY'],
    [null, 'DNS-TARGET'],
  ])('reports the unresolved name of proxy %s as %s', async (proxy, code) => {
    await expect(dial(target('no-such-host.invalid', proxy), plain)).rejects.toMatchObject({ code });
  });

  it('dialing: without a response it ends at its deadline, and the failure names the key', async () => {
    const clock = new FakeClock();
    const failure = dial(target('127.0.0.1', 'corp'), { ...plain, clock });
    clock.advance(5_000);
    await expect(failure).rejects.toMatchObject({
      code: 'TCP-TIMEOUT',
      facts: { elapsed: 5_000, key: 'response_timeout.connect_timeout_ms', source: 'this host' },
    });
    expect(clock.pending).toBe(0);
  });

  it('dialing: without a response the failure names the local address', async () => {
    const clock = new FakeClock();
    const failure = dial(target('127.0.0.1', 'corp'), { ...plain, clock });
    // The question is out after this, and its answer can't be read before the next turn of the event loop.
    await new Promise((resolve) => process.nextTick(resolve));
    clock.advance(5_000);
    await expect(failure).rejects.toMatchObject({ code: 'TCP-TIMEOUT', facts: { source: '127.0.0.1' } });
  });

  it('distinguishes a silent name service from a silent host', async () => {
    const clock = new FakeClock();
    const failure = dial(target('proxy.invalid', 'corp'), { ...plain, clock });
    clock.advance(5_000);
    await expect(failure).rejects.toMatchObject({ code: 'DNS-PROXY', facts: { reason: 'no answer in 5000 ms' } });
  });

  it('ends at the abort with its reason', async () => {
    const controller = new AbortController();
    const failure = dial(target('127.0.0.1'), { ...plain, signal: controller.signal });
    controller.abort(new Error('stop'));
    await expect(failure).rejects.toThrow('stop');
  });
});

describe('the bulk path', () => {
  const bulky = { ...plain, bulk: true };

  it('passes every byte to its consumer through one reused buffer, in order', async () => {
    const sent = Buffer.alloc(1_000_000, 'the quick brown fox jumps over the lazy dog ');
    server.once('connection', (peer) => peer.end(sent));
    const { socket, bulk } = await dial(target('127.0.0.1'), bulky);
    const received: Buffer[] = [];
    const buffers = new Set<ArrayBufferLike>();
    bulk?.consume((chunk) => {
      expect(chunk.length).toBeLessThanOrEqual(BULK_BUFFER_BYTES);
      buffers.add(chunk.buffer);
      received.push(Buffer.from(chunk));
    });
    await once(socket, 'end');
    expect(Buffer.concat(received).equals(sent)).toBe(true);
    // The first bytes may have come before there was a consumer: they are a copy.
    expect(buffers.size).toBeLessThanOrEqual(2);
  });

  it('keeps bytes that arrive before there is a consumer', async () => {
    server.once('connection', (peer) => peer.end('SSH-2.0-OpenSSH_9.2\r\n'));
    const { socket, bulk } = await dial(target('127.0.0.1'), bulky);
    while (socket.bytesRead === 0) await new Promise((resolve) => setImmediate(resolve));
    let text = '';
    bulk?.consume((chunk) => {
      text += Buffer.from(chunk).toString();
    });
    await once(socket, 'end');
    expect(text).toBe('SSH-2.0-OpenSSH_9.2\r\n');
  });

  it('holds the sender back while it is paused', async () => {
    const sent = Buffer.alloc(32 * 1_048_576);
    let flushed = false;
    server.once('connection', (peer) => {
      peer.end(sent, () => {
        flushed = true;
      });
    });
    const { socket, bulk } = await dial(target('127.0.0.1'), bulky);
    let bytes = 0;
    const paused = new Promise<void>((resolve) => {
      bulk?.consume((chunk) => {
        if (bytes === 0) {
          socket.pause();
          resolve();
        }
        bytes += chunk.length;
      });
    });
    await paused;
    const before = bytes;
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([bytes, flushed]).toEqual([before, false]);

    socket.resume();
    await once(socket, 'end');
    expect(bytes).toBe(sent.length);
  });
});
