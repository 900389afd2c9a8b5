import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { originAt } from '#errors/hop.ts';
import { dial } from '#proxy/opening/dial.ts';
import type { ObservedTime } from '#proxy/tls/observed-time.ts';
import { pinOf } from '#proxy/tls/pins.ts';
import { startTls } from '#proxy/tls/tls.ts';
import type { TlsPeer } from '#proxy/tls/tls-failure.ts';
import { type TlsTrust, TrustContexts } from '#proxy/tls/trust.ts';
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
  /** Whose TLS it is, and behind which proxy; the target's, reached direct, unless said otherwise. */
  readonly peer?: Pick<TlsPeer, 'side' | 'proxy' | 'purpose'>;
  readonly observedTime?: ObservedTime;
  readonly trust?: TlsTrust;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

async function connectTo(port: number, asking: Asking = {}) {
  const bounds = { clock: asking.clock ?? systemClock, signal: asking.signal ?? never, timeoutMs: 10_000 };
  const { socket } = await dial(
    { host: '127.0.0.1', port, proxy: null, hop: originAt('x') },
    { ...bounds, clock: systemClock, bulk: false },
  );
  const host = asking.host ?? 'localhost';
  const contexts = new TrustContexts(asking.trust ?? trusted);
  const peer: TlsPeer = { side: 'target', proxy: null, ...asking.peer, host, port, hop: originAt('x') };
  const { expected, pins } = contexts;
  const observedTime = asking.observedTime ?? null;
  const trust = { context: contexts.contextFor(`https://${host}:${port}`), expected, pins, observedTime };
  return { under: socket, securing: startTls(socket, peer, { ...trust, ...bounds }) };
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

  it('trusts the bundled roots only without a ca_file, and no others', async () => {
    expect(await failureOf(good, { trust: {} })).toMatchObject({ code: 'TLS-UNTRUSTED' });
  });

  it('does not trust a self-signed certificate', async () => {
    expect(await failureOf(createSelfSigned())).toMatchObject({
      code: 'TLS-UNTRUSTED',
      facts: { reason: 'it is self-signed', issuer: 'CN=self' },
    });
  });

  it('TLS to the target: a certificate for another host fails and its names are reported', async () => {
    expect(await failureOf(ca.issue({ names: 'DNS:other.example' }))).toMatchObject({
      code: 'TLS-NAME',
      facts: { names: 'DNS:other.example', host: 'localhost', issuer: 'O=Test Inspect, CN=Sallyport Test CA' },
    });
  });

  it.each([
    ['expired', { notAfter: '20210101000000Z' }, '2020-01-01T00:00:00.000Z', '2021-01-01T00:00:00.000Z'],
    ['not yet valid', { notBefore: '20900101000000Z' }, '2090-01-01T00:00:00.000Z', '2099-12-31T23:59:59.000Z'],
  ])('distinguishes a wrong clock: %s', async (reason, dates, from, to) => {
    expect(await failureOf(ca.issue(dates))).toMatchObject({
      code: 'TLS-CLOCK',
      facts: { reason, from, to, now: expect.any(Number) },
    });
  });

  it('refuses TLS 1.1', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    expect(await failureOf(good, { tls: old })).toMatchObject({ code: 'TLS-OLD' });
  });

  it('verifies even if the environment disables it', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      expect(await failureOf(createSelfSigned())).toMatchObject({ code: 'TLS-UNTRUSTED' });
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });
});

describe('TLS behind a proxy', () => {
  const peer = { side: 'target', proxy: 'corp' } as const;

  it('TLS behind a proxy: an unknown root means interception; the failure names it and the fix', async () => {
    const failure = await failureOf(createCa('Corp Inspection CA').issue(), { peer });
    expect(failure).toMatchObject({
      code: 'TLS-INTERCEPTED',
      facts: { issuer: 'O=Test Inspect, CN=Corp Inspection CA', proxy: 'corp' },
      message: expect.stringContaining('(expected: a CA in updates.ca_file). TLS is intercepted at proxy corp'),
      check: expect.stringMatching(
        /^By default, this \(SSL bridging\) is refused\. Ask the proxy team for a bypass for localhost:\d+\. For all hosts that need a bypass, run: sallyport endpoints\. Without a bypass: see updates\.allow_interception_by\. Only if .* set updates\.ca_file\.$/,
      ),
    });
    const platform = await failureOf(createCa('Corp Inspection CA').issue(), {
      peer: { ...peer, purpose: 'platform' },
    });
    expect(platform).toMatchObject({
      check: expect.stringContaining('Without a bypass: the platform cannot be used.'),
    });
  });

  it('TLS behind a proxy: a missing intermediate is not interception, and its URL is reported', async () => {
    const root = createCa('Public Root R1', 'Example Trust');
    const { cert, key } = root.issueCa('Public TLS CA').issue({ issuerAt: 'http://ca.example.com/tls-ca.crt' });
    const [leaf = ''] = cert.split(/(?<=-----END CERTIFICATE-----\n)/);
    const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: root.cert } };
    for (const proxy of ['corp', null]) {
      const failure = await failureOf({ cert: leaf, key }, { peer: { side: 'target', proxy }, trust });
      expect(failure).toMatchObject({ code: 'TLS-CHAIN', facts: { end: 'O=Example Trust, CN=Public TLS CA' } });
      const { message, check } = failure as Error & { check: string };
      expect(message).toContain('the server did not send it, or TLS is intercepted');
      expect(message).not.toContain('proxy corp');
      expect(check).toContain('(available at http://ca.example.com/tls-ca.crt, which is not used)');
      expect(check).toMatch(/-connect localhost:\d+\. .* TLS is intercepted: ask for a bypass\.$/);
      await origin?.close();
    }
    // The same chain, sent whole, is trusted.
    const { under, securing } = await handshake({ cert, key }, { peer, trust });
    (await securing).destroy();
    under.destroy();
  });

  it('TLS behind a proxy: an incomplete chain means interception only if the issuer is known', async () => {
    const ofCa = (name: string) => createCa(name, 'Example Corp').issue();
    const issuers = [
      'Zscaler Intermediate Root CA',
      'Corp TLS Inspection CA',
      'Corp Issuing CA 2',
      "R11, Let's Encrypt",
    ];
    const codes: unknown[] = [];
    for (const issuer of issuers) {
      codes.push(((await failureOf(ofCa(issuer), { peer })) as { code?: unknown }).code);
      await origin?.close();
    }
    expect(codes).toEqual(['TLS-INTERCEPTED', 'TLS-INTERCEPTED', 'TLS-CHAIN', 'TLS-CHAIN']);
  });

  it('names the built-in authorities if no ca_file is set', async () => {
    expect(await failureOf(good, { peer, trust: {} })).toMatchObject({
      code: 'TLS-INTERCEPTED',
      message: expect.stringContaining('expected: a public CA built into the program'),
    });
  });

  it('reports a self-signed certificate as such: intercepting proxies have an authority', async () => {
    expect(await failureOf(createSelfSigned(), { peer })).toMatchObject({ code: 'TLS-UNTRUSTED' });
  });
});

describe('TLS to a proxy itself', () => {
  const peer = { side: 'proxy', proxy: 'corp' } as const;

  it('has its own codes, and never those of the target', async () => {
    expect(await failureOf(createCa('Other CA').issue(), { peer })).toMatchObject({
      code: 'PROXY-TLS-UNTRUSTED',
      facts: { issuer: 'O=Test Inspect, CN=Other CA' },
    });
    await origin?.close();
    expect(await failureOf(ca.issue({ names: 'DNS:other.example' }), { peer })).toMatchObject({
      code: 'PROXY-TLS-NAME',
      check: 'Set the address of proxy corp to a name in its certificate.',
    });
    await origin?.close();
    const expired = ca.issue({ notAfter: '20210101000000Z' });
    expect(await failureOf(expired, { peer })).toMatchObject({ code: 'PROXY-TLS-CLOCK' });
    await origin?.close();
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' };
    expect(await failureOf(good, { peer, tls: old })).toMatchObject({ code: 'PROXY-TLS-OLD' });
  });
});

describe('a certificate that is out of its time', () => {
  const DAY_MS = 86_400_000;
  const expired = ca.issue({ notAfter: '20210101000000Z' });
  const said = (iso: string): ObservedTime => ({
    by: 'proxy corp',
    dateMs: Date.parse(iso),
    monotonicMs: systemClock.monotonic(),
  });
  const clockAt = (iso: string): Clock => ({ ...systemClock, now: () => Date.parse(iso) });

  it('certificate validity: if another clock disagrees, the local clock and its offset are named', async () => {
    const young = ca.issue({ notBefore: '20900101000000Z' });
    const failure = await failureOf(young, {
      clock: clockAt('2088-11-25T00:00:00Z'),
      observedTime: said('2095-11-25T00:00:00Z'),
    });
    expect(failure).toMatchObject({
      code: 'TLS-CLOCK',
      facts: { reason: 'not yet valid' },
      message: expect.stringMatching(
        /The clock of this host says 2088-11-2\d.*, and that of proxy corp says 2095-11-2\d.* \(a difference of 7 years\)\./,
      ),
    });
  });

  it('certificate validity: if the other clock agrees, the certificate is at fault', async () => {
    const observedTime = said(new Date(Date.now() - 3 * DAY_MS).toISOString());
    expect(await failureOf(expired, { observedTime })).toMatchObject({
      code: 'TLS-EXPIRED',
      message: expect.stringContaining('a difference of 3 days'),
      check: 'The clock of this host is not the cause. Ask the administrator of the server to renew its certificate.',
    });
    await origin?.close();
    const peer = { side: 'proxy', proxy: 'corp' } as const;
    expect(await failureOf(expired, { observedTime, peer })).toMatchObject({ code: 'PROXY-TLS-EXPIRED' });
  });

  it('certificate validity: without another clock, the local clock is suspected first', async () => {
    expect(await failureOf(expired)).toMatchObject({
      code: 'TLS-CLOCK',
      message: expect.stringContaining(', and no other clock is known.'),
    });
  });
});

describe('pins', () => {
  const intermediate = ca.issueCa('Sallyport Issuing CA');
  const pair = intermediate.issue();
  const [own = '', below = ''] = pair.cert.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----\n/g) ?? [];
  const pin = (pem: string) => pinOf(new X509Certificate(pem));
  const foreign = pin(createCa('Elsewhere').cert);
  const pinned = (...pins: string[]): TlsTrust => ({ ...trusted, pins });

  it.each([
    ['the server itself', own],
    ['the authority between', below],
    ['the root, which the server does not send', ca.cert],
  ])('accept a chain with the key of %s', async (_whose, pem) => {
    const { securing } = await handshake(pair, { trust: pinned(foreign, pin(pem)) });
    (await securing).destroy();
  });

  it('refuse a valid chain that has none of the keys, before a byte of a request', async () => {
    const failure = await failureOf(pair, { trust: pinned(foreign), peer: { side: 'target', proxy: 'corp' } });
    expect(failure).toMatchObject({
      code: 'TLS-PIN',
      facts: { key: 'updates.pins', expected: [foreign], found: [pin(own), pin(below), pin(ca.cert)] },
      message: expect.stringContaining('The issuer is "O=Test Inspect, CN=Sallyport Issuing CA"'),
      check: expect.stringMatching(/Ask the proxy team not to decrypt connections to localhost:\d+\./),
    });
    expect(origin?.requests).toEqual([]);
  });

  it('pins: the chain is checked first, so an untrusted CA is reported before a pin', async () => {
    const strange = createCa('Corp Inspection CA');
    const asking = { trust: pinned(pin(strange.cert)), peer: { side: 'target', proxy: 'corp' } as const };
    expect(await failureOf(strange.issue(), asking)).toMatchObject({ code: 'TLS-INTERCEPTED' });
  });

  it('pins: an unrelated certificate that the server sends does not count', async () => {
    const vendor = createCa('Vendor Root');
    const leaf = ca.issue();
    const sent = { ...leaf, cert: `${leaf.cert}${vendor.cert}` };
    const failure = await failureOf(sent, { trust: pinned(pin(vendor.cert)) });
    expect(failure).toMatchObject({ code: 'TLS-PIN' });
  });

  it('are checked on every connection: none resumes an earlier session', async () => {
    const server = await startTlsOrigin(pair, { tls: { sessionTimeout: 3_600 } });
    origin = server;
    for (let round = 0; round < 3; round += 1) {
      const { securing } = await connectTo(server.port, { trust: pinned(pin(own)) });
      const socket = await securing;
      expect(socket.isSessionReused()).toBe(false);
      // Tickets of TLS 1.3 come behind the handshake; by the end of an answer they are here.
      socket.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      socket.resume();
      await once(socket, 'close');
    }
    const { securing } = await connectTo(server.port, { trust: pinned(foreign) });
    await expect(securing).rejects.toMatchObject({ code: 'TLS-PIN' });
  });
});

describe('TLS: bytes of another protocol', () => {
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
