/** A proxy that is reached over TLS: both forms of request, authentication, and failures that name this connection. */
// @process alone: it counts the sockets and timers that are left.
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ProxyProfile } from '#proxy/profile.ts';
import type { TlsTrust } from '#proxy/tls/trust.ts';
import { Secret } from '#redaction/secret.ts';
import { createCa, type KeyPair } from '#test/support/certificates.ts';
import { FAULTS, type FaultProxy, honest, type Script, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { get, profile, type TestRouterOptions, testRouter } from '#test/support/test-router.ts';
import { startTlsFront, type TlsFront } from '#test/support/tls-front.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const plain = { bulk: false, signal: new AbortController().signal };
// Two authorities, so that neither leg can pass by the trust of the other.
const proxyCa = createCa('Proxy CA');
const originCa = createCa('Origin CA');
const trustIn = (pem: string, key: string): TlsTrust => ({ ca: { key, path: '/ca.pem', pem } });
const proxyTrust = trustIn(proxyCa.cert, 'proxies[0].ca_file');
const trust = trustIn(originCa.cert, 'updates.ca_file');

let origin: TlsOrigin;
let plainOrigin: Server;
let plainUrl: URL;
beforeAll(async () => {
  origin = await startTlsOrigin(originCa.issue());
  plainOrigin = createServer((_request, response) => response.end('hello in the clear')).listen(0, '127.0.0.1');
  await once(plainOrigin, 'listening');
  plainUrl = new URL(`http://127.0.0.1:${(plainOrigin.address() as AddressInfo).port}/`);
});
afterAll(async () => {
  await origin.close();
  plainOrigin.close();
});

let proxy: FaultProxy | undefined;
let front: TlsFront | undefined;
afterEach(async () => {
  await front?.close();
  await proxy?.close();
  proxy = undefined;
  front = undefined;
});

interface Setup {
  readonly pair?: KeyPair;
  readonly tls?: object;
  readonly corp?: Partial<ProxyProfile>;
  readonly router?: TestRouterOptions;
}

async function through(script: Script, { pair = proxyCa.issue(), tls = {}, corp = {}, router = {} }: Setup = {}) {
  proxy = await startFaultProxy(script);
  front = await startTlsFront(pair, proxy.port, tls);
  const secured = { ...profile(front.port), scheme: 'https', ...corp } as const;
  return testRouter({ proxies: [secured], proxyTrust, trust, ...router });
}

describe('an HTTPS proxy', () => {
  it('opens tunnels, with TLS to the target inside of TLS to the proxy', async () => {
    const router = await through(honest(origin.port), { pair: proxyCa.issue({ names: 'IP:127.0.0.1' }) });
    const connection = await router.route('updates', origin.url).open({ bulk: true, signal: plain.signal });
    expect(connection.bulk).toBeNull();
    expect(connection.facts).toMatchObject({
      proxyUrl: `https://127.0.0.1:${front?.port}`,
      passed: ['dial', 'proxy_tls', 'tunnel', 'tls'],
    });
    expect(await get(connection, origin.url)).toMatchObject({ status: 200, body: expect.stringContaining('hello') });
    expect(front?.clients).toHaveLength(1);
    expect(proxy?.heads[0]).toContain(`CONNECT localhost:${origin.port} HTTP/1.1\r\n`);
    // Nothing of the three layers is left.
    await front?.allClosed();
    await proxy?.allClosed();
  });

  it('keeps the bytes that follow its 200', async () => {
    const router = await through((client) => {
      client.write('HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH_9.2\r\n');
    });
    await expect(router.route('updates', origin.url).open(plain)).rejects.toMatchObject({
      code: 'TLS-FAILED',
      facts: { reason: 'wrong version number' },
    });
    await front?.allClosed();
  });

  it('accepts http in absolute form, without the bulk path', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello';
    const router = await through(says(answer));
    const connection = await router.route('updates', plainUrl).open({ bulk: true, signal: plain.signal });
    expect([connection.form, connection.bulk]).toEqual(['absolute', null]);
    expect(await get(connection, plainUrl)).toMatchObject({ status: 200, body: 'hello' });
    expect(proxy?.heads[0]).toContain(`GET ${plainUrl.href} HTTP/1.1\r\n`);
    await front?.allClosed();
  });

  it('an HTTPS proxy: auto sends Basic to it, because the connection to it is encrypted', async () => {
    const right = `Basic ${btoa('svc:open sesame')}`;
    const refusal = 'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\nConnection: close\r\n\r\n';
    const router = await through(
      (client, head, earlier) => {
        if (head.includes(right)) honest(origin.port)(client, head, earlier);
        else client.end(refusal);
      },
      { corp: { authentication: 'auto', user: 'svc', password: new Secret('open sesame') } },
    );
    (await router.route('updates', origin.url).open(plain)).release();
    // The second connection, with the credential, is over TLS like the first.
    expect(front?.clients).toHaveLength(2);
    await front?.allClosed();
  });

  it('an HTTPS proxy: it gets our certificate on request, and the origin behind it does not', async () => {
    const own = proxyCa.issue({ client: true });
    const key = 'proxies[0].client_certificate';
    const identity = {
      certificate: { key: `${key}.certificate_file`, path: '/own.pem', pem: own.cert },
      privateKey: { key: `${key}.key_file`, path: '/own.key', pem: new Secret(own.key) },
    };
    const tls = { requestCert: true, rejectUnauthorized: true, ca: proxyCa.cert };
    await through(honest(origin.port), { tls });
    const corp = { ...profile(front?.port ?? 0), scheme: 'https' } as const;
    const shownTo = (...origins: string[]) =>
      testRouter({ proxies: [corp], trust, proxyTrust: { ...proxyTrust, client: { ...identity, origins } } });
    const router = shownTo(`https://127.0.0.1:${corp.port}`);
    await get(await router.route('updates', origin.url).open(plain), origin.url);
    expect(front?.clients).toEqual(['leaf']);
    expect(origin.clients.at(-1)).toBeNull();
    const elsewhere = shownTo('https://proxy.example.com:3129').route('updates', origin.url).open(plain);
    await expect(elsewhere).rejects.toMatchObject({ code: 'PROXY-TLS-FAILED' });
  });
});

describe('a failure of TLS to the proxy itself', () => {
  async function failureOf(script: Script, setup: Setup = {}) {
    const router = await through(script, setup);
    const failure: unknown = await router
      .route('updates', origin.url)
      .open(plain)
      .catch((error: unknown) => error);
    expect(proxy?.heads).toEqual([]);
    await front?.allClosed();
    return failure;
  }

  it('TLS to a proxy: its failure is never attributed to the target, whatever the target trusts', async () => {
    const failure = await failureOf(honest(origin.port), { pair: originCa.issue() });
    expect(failure).toMatchObject({
      code: 'PROXY-TLS-UNTRUSTED',
      hop: `proxy corp (127.0.0.1:${front?.port})`,
      message: expect.stringContaining('Expected: a CA in proxies[0].ca_file'),
    });
  });

  it('TLS to a proxy: without a CA in the profile the bundled roots apply', async () => {
    const failure = await failureOf(honest(origin.port), { router: { proxyTrust: {} } });
    expect(failure).toMatchObject({
      code: 'PROXY-TLS-UNTRUSTED',
      message: expect.stringContaining('Expected: a public CA built into the program'),
    });
  });

  it('checks the name of the proxy', async () => {
    const pair = proxyCa.issue({ names: 'DNS:proxy.example.com' });
    expect(await failureOf(honest(origin.port), { pair })).toMatchObject({
      code: 'PROXY-TLS-NAME',
      facts: { names: 'DNS:proxy.example.com', host: '127.0.0.1' },
    });
  });

  it.each([['TLSv1.2'], ['TLSv1.3']])('TLS to a proxy: a missing client certificate is named (%s)', async (version) => {
    const tls = { requestCert: true, rejectUnauthorized: true, ca: proxyCa.cert, maxVersion: version };
    expect(await failureOf(honest(origin.port), { tls })).toMatchObject({
      code: 'PROXY-TLS-FAILED',
      message: expect.stringMatching(/alert (?:handshake failure|certificate required)/),
      trace: { phase: 'proxy_tls' },
      check: expect.stringContaining('whether it requires a client_certificate'),
    });
  });

  it('is not reported for failures of the target', async () => {
    const other = await startTlsOrigin(createCa('Corp Inspection CA').issue());
    const router = await through(honest(other.port));
    await expect(router.route('updates', origin.url).open(plain)).rejects.toMatchObject({
      code: 'TLS-INTERCEPTED',
      hop: origin.url.host,
    });
    expect(other.requests).toEqual([]);
    await other.close();
  });

  it('ends at its deadline', async () => {
    const silent = await startFaultProxy(FAULTS.silent);
    const corp = { ...profile(silent.port), scheme: 'https' } as const;
    const router = testRouter({ proxies: [corp], proxyTrust, timeouts: { tls_timeout_ms: 40 } });
    await expect(router.route('updates', origin.url).open(plain)).rejects.toMatchObject({
      code: 'PROXY-TLS-TIMEOUT',
      facts: { proxy: 'corp', key: 'response_timeout.tls_timeout_ms' },
    });
    await silent.allClosed();
    await silent.close();
  });
});

describe('a scheme that is not that of the port', () => {
  it('a wrong proxy scheme: TLS to a plain port is recognized by the bytes of the response', async () => {
    // A ClientHello has no blank line; a plain proxy answers that it does not understand.
    const plainProxy = await startFaultProxy(() => {}, 'HTTP/1.1 400 Bad Request\r\n\r\n');
    const corp = { ...profile(plainProxy.port), scheme: 'https' } as const;
    await expect(
      testRouter({ proxies: [corp] })
        .route('updates', origin.url)
        .open(plain),
    ).rejects.toMatchObject({
      code: 'PROXY-SCHEME',
      check: expect.stringMatching(
        /^Set scheme: http for proxy corp\. TLS to the servers inside its tunnels is not affected\./,
      ),
    });
    await plainProxy.allClosed();
    await plainProxy.close();
  });

  it('a wrong proxy scheme: plain text to a TLS port is recognized by the alert', async () => {
    proxy = await startFaultProxy(says(Buffer.from([21, 3, 3, 0, 2, 2, 70]).toString('latin1')));
    const opening = testRouter({ proxies: [profile(proxy.port)] })
      .route('updates', origin.url)
      .open(plain);
    await expect(opening).rejects.toMatchObject({
      code: 'PROXY-SCHEME',
      safeText: expect.stringContaining(
        'speaks TLS, but the scheme of the proxy is set to http (it answered "a TLS record")',
      ),
      check: expect.stringMatching(
        /^Set scheme: https for proxy corp\. TLS to the servers inside its tunnels is not affected\./,
      ),
    });
  });

  it('a wrong proxy scheme: plain text to a web server’s TLS port is recognized by its page', async () => {
    const body = '<html><head><title>400 The plain HTTP request was sent to HTTPS port</title></head></html>';
    const answer = `HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    proxy = await startFaultProxy(says(answer));
    const opening = testRouter({ proxies: [profile(proxy.port)] })
      .route('updates', origin.url)
      .open(plain);
    await expect(opening).rejects.toMatchObject({ code: 'PROXY-SCHEME', facts: { wanted: 'https' } });
  });
});

it('HTTPS proxy: two hundred failures leave neither sockets nor timers, at either TLS layer', async () => {
  const behindTls: readonly Script[] = [
    FAULTS.closesBeforeAnswering,
    FAULTS.garbage,
    FAULTS.silent,
    FAULTS.grantsThenSilence,
    says('HTTP/1.1 200 OK\r\n\r\nSSH-2.0-OpenSSH_9.2\r\n'),
  ];
  proxy = await startFaultProxy((client, head, earlier) =>
    behindTls[earlier % behindTls.length]?.(client, head, earlier),
  );
  front = await startTlsFront(proxyCa.issue(), proxy.port);
  const strange = await startTlsFront(createCa('Other CA').issue(), proxy.port);
  const ports = [front.port, front.port, front.port, strange.port];
  const count = () => process.getActiveResourcesInfo().filter((kind) => /^(TCPSocketWrap|Timeout)$/.test(kind)).length;
  const timeouts = { tunnel_timeout_ms: 100, tls_timeout_ms: 200 };
  const routers = ports.map((port) =>
    testRouter({ proxies: [{ ...profile(port), scheme: 'https' }], trust, proxyTrust, timeouts }),
  );
  const before = count();
  for (let round = 0; round < 4; round += 1) {
    const opened = Array.from({ length: 50 }, (_none, index) =>
      (routers[index % routers.length] as (typeof routers)[0]).route('updates', origin.url).open(plain),
    );
    const ended = await Promise.allSettled(opened);
    expect(ended.map(({ status }) => status)).not.toContain('fulfilled');
  }
  await Promise.all([front.allClosed(), strange.allClosed(), proxy.allClosed()]);
  // A busy machine needs a moment for the last sockets. `vi.waitFor` has two timers of its own, which would be counted.
  for (let turns = 0; count() > before && turns < 500; turns += 1) await setTimeout(20);
  expect(count()).toBeLessThanOrEqual(before);
  await strange.close();
});
