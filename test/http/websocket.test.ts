import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { openWebSocket } from '#http/websocket.ts';
import { systemClock } from '#system/clock.ts';
import { createCa } from '#test/support/certificates.ts';
import { testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

/** RFC 6455, 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const ca = createCa();
const trust = { ca: { key: 'endpoints.ca_file', path: '/ca.pem', pem: ca.cert } };

let origin: TlsOrigin | undefined;
afterEach(() => origin?.close());

/** An origin that accepts every upgrade, with a field of this size and these frames in the same write. */
async function serve(bytes: number, frames = ''): Promise<URL> {
  origin = await startTlsOrigin(ca.issue(), {
    upgrade: (request, socket) => {
      const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}${GUID}`).digest('base64');
      const fields = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}`;
      socket.write(`HTTP/1.1 101 Switching\r\n${fields}\r\nX: ${'x'.repeat(bytes)}\r\n\r\n${frames}`, 'latin1');
    },
  });
  return new URL(origin.url.href.replace('https:', 'wss:'));
}

function open(url: URL) {
  const router = testRouter({ trust });
  const { signal } = new AbortController();
  return openWebSocket(url, {
    router,
    purpose: 'platform',
    headers: {},
    timeoutMs: 15_000,
    clock: systemClock,
    signal,
  });
}

describe('WebSocket: an upgrade', () => {
  it('succeeds even if the head of the answer is long', async () => {
    const socket = await open(await serve(200_000));
    socket.close();
  });

  it('with a head above the limit is WS-BLOCKED, without a hop', async () => {
    await expect(open(await serve(300_000))).rejects.toMatchObject({ code: 'WS-BLOCKED', hop: null });
  });

  it('keeps a message in the same segment until there is a listener', async () => {
    const { socket, close } = await open(await serve(1, '\x81\x05hello'));
    await new Promise((resolve) => setImmediate(resolve));
    const message = new Promise((resolve) => socket.once('message', (data) => resolve(`${data as Buffer}`)));
    socket.resume();
    expect(await message).toBe('hello');
    close();
  });
});
