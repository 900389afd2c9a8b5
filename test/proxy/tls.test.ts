import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { dial } from '#proxy/dial.ts';
import { secure } from '#proxy/tls.ts';
import { type TlsTrust, TrustContexts } from '#proxy/trust.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { createCa, createSelfSigned, type KeyPair } from '#test/support/certificates.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const never = new AbortController().signal;
const ca = createCa();
const good = ca.issue();
const trusted: TlsTrust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };

let origin: TlsOrigin | undefined;
afterEach(async () => {
  await origin?.close();
  origin = undefined;
});

interface Asking {
  readonly host?: string;
  readonly trust?: TlsTrust;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

async function connectTo(port: number, asking: Asking = {}) {
  const bounds = { clock: asking.clock ?? systemClock, signal: asking.signal ?? never, timeoutMs: 10_000 };
  const { socket } = await dial(
    { host: '127.0.0.1', port, proxy: null, hop: 'x' },
    { ...bounds, clock: systemClock, bulk: false },
  );
  const host = asking.host ?? 'localhost';
  const context = new TrustContexts(asking.trust ?? trusted).contextFor(`https://${host}:${port}`);
  return { under: socket, securing: secure(socket, { host, port }, { context, ...bounds }) };
}

async function handshake(pair: KeyPair, asking: Asking & { tls?: object } = {}) {
  origin = await startTlsOrigin(pair, asking.tls === undefined ? {} : { tls: asking.tls });
  return connectTo(origin.port, asking);
}

async function failureOf(pair: KeyPair, asking: Asking & { tls?: object } = {}) {
  const { under, securing } = await handshake(pair, asking);
  const failure: unknown = await securing.then(
    () => null,
    (error: unknown) => error,
  );
  expect(under.destroyed).toBe(true);
  return failure;
}

describe('TLS to the target', () => {
  it.each(['localhost', 'updates.example.com', 'updates.example.com.', '127.0.0.1', '::1'])(
    'verifies the name %s and speaks HTTP/1.1',
    async (host) => {
      const { securing } = await handshake(good, { host, tls: { ALPNProtocols: ['h2', 'http/1.1'] } });
      const socket = await securing;
      expect([socket.authorized, socket.alpnProtocol]).toEqual([true, 'http/1.1']);
      socket.destroy();
    },
  );

  it('names the issuer of a certificate that it does not trust', async () => {
    expect(await failureOf(createCa('Corp Inspection CA').issue())).toMatchObject({
      code: 'TLS-UNTRUSTED',
      facts: { host: 'localhost', issuer: 'O=Test Inspect, CN=Corp Inspection CA' },
    });
  });

  it('trusts the bundled roots only where no ca_file is set, and no others', async () => {
    expect(await failureOf(good, { trust: {} })).toMatchObject({ code: 'TLS-UNTRUSTED' });
  });

  it('does not trust a self-signed certificate', async () => {
    expect(await failureOf(createSelfSigned())).toMatchObject({
      code: 'TLS-UNTRUSTED',
      facts: { reason: 'it is self-signed', issuer: 'CN=self' },
    });
  });

  it('names the names of a certificate for somebody else', async () => {
    expect(await failureOf(ca.issue({ names: 'DNS:other.example' }))).toMatchObject({
      code: 'TLS-NAME',
      facts: { names: 'DNS:other.example', host: 'localhost', issuer: 'O=Test Inspect, CN=Sallyport Test CA' },
    });
  });

  it.each([
    ['expired', { notAfter: '20210101000000Z' }, '2020-01-01T00:00:00.000Z', '2021-01-01T00:00:00.000Z'],
    ['not yet valid', { notBefore: '20900101000000Z' }, '2090-01-01T00:00:00.000Z', '2099-12-31T23:59:59.000Z'],
  ])('tells a matter of the clock apart: %s', async (reason, dates, from, to) => {
    expect(await failureOf(ca.issue(dates))).toMatchObject({
      code: 'TLS-CLOCK',
      facts: { reason, from, to, now: expect.any(Number) },
    });
  });

  it('refuses TLS 1.1', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    expect(await failureOf(good, { tls: old })).toMatchObject({ code: 'TLS-FAILED' });
  });

  it('verifies also where the environment says not to', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect(await failureOf(createSelfSigned())).toMatchObject({ code: 'TLS-UNTRUSTED' });
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });
});

describe('something else than TLS', () => {
  async function against(greeting: string | null, asking: Asking = {}) {
    const server = createServer((client) => {
      client.on('error', () => {});
      if (greeting === '') client.end();
      else if (greeting !== null) client.write(greeting);
      client.resume();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { under, securing } = await connectTo(port, asking);
    server.close();
    return { under, securing };
  }

  it.each([
    ['plain HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['a close', ''],
  ])('fails with TLS-FAILED: %s', async (_what, greeting) => {
    const { under, securing } = await against(greeting);
    await expect(securing).rejects.toMatchObject({ code: 'TLS-FAILED', facts: { host: 'localhost' } });
    expect(under.destroyed).toBe(true);
  });

  it('ends at its deadline, naming the key', async () => {
    let fire = () => {};
    const clock: Clock = {
      ...systemClock,
      after(_ms, callback) {
        fire = callback;
        return { cancel() {}, restart() {} };
      },
    };
    const { under, securing } = await against(null, { clock });
    fire();
    await expect(securing).rejects.toMatchObject({
      code: 'TLS-TIMEOUT',
      facts: { key: 'response_timeout.tls_timeout_ms', host: 'localhost' },
    });
    expect(under.destroyed).toBe(true);
  });

  it('ends at the abort', async () => {
    const controller = new AbortController();
    const { under, securing } = await against(null, { signal: controller.signal });
    controller.abort(new Error('stop'));
    await expect(securing).rejects.toThrow('stop');
    expect(under.destroyed).toBe(true);
  });
});
