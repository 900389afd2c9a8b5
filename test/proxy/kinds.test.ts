import '#test/support/built-threads.ts';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import { environmentCandidates } from '#proxy/choosing/environment-candidates.ts';
import { MIN_COOLDOWN_MS, ProxyCooldown } from '#proxy/choosing/failover.ts';
import { PacCandidates } from '#proxy/pac/candidates.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { reasonText } from '#proxy/reason.ts';
import { Secret } from '#redaction/secret.ts';
import { systemClock } from '#system/clock.ts';
import { createCa } from '#test/support/certificates.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { FAULTS, type FaultProxy, honest, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import {
  honest5,
  LOGIN_TAKEN,
  OPEN_4,
  OPEN_5,
  open,
  type SocksServer,
  startSocksServer,
  WANTS_USER,
} from '#test/support/socks-server.ts';
import { get, profile, type TestRouter, type TestRouterOptions, testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const plain = { bulk: false, signal: new AbortController().signal };
const ca = createCa();
const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };
const SESAME = Buffer.from('sesame').toString('hex');

let origin: TlsOrigin;
let folder: string;
let closed: number;
beforeAll(async () => {
  origin = await startTlsOrigin(ca.issue());
  folder = await mkdtemp(join(tmpdir(), 'sallyport-'));
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  closed = (server.address() as AddressInfo).port;
  server.close();
});
afterAll(async () => {
  await origin.close();
  await rm(folder, { recursive: true });
});

const opened: (FaultProxy | SocksServer)[] = [];
afterEach(async () => {
  for (const proxy of opened.splice(0)) await proxy.close();
});

async function keep<T extends FaultProxy | SocksServer>(starting: Promise<T>): Promise<T> {
  const proxy = await starting;
  opened.push(proxy);
  return proxy;
}

const http = () => keep(startFaultProxy(honest(origin.port)));
const socks = () => keep(startSocksServer(honest5(origin.port)));

async function fetched(router: TestRouter, url = origin.url): Promise<string> {
  const connection = await router.route('updates', url).open(plain);
  expect(await get(connection, url)).toMatchObject({ status: 200 });
  return connection.facts.proxyUrl;
}

const codeOf = (router: TestRouter, url = origin.url) =>
  router
    .route('updates', url)
    .open(plain)
    .then(
      () => 'opened',
      (error: { code?: string }) => error.code,
    );

describe('a SOCKS proxy', () => {
  const through = (port: number, more: Partial<ProxyProfile> = {}) =>
    ({ ...profile(port), scheme: 'socks5h', ...more }) as const;

  it('forwards https, by the name of the target', async () => {
    const proxy = await socks();
    const router = testRouter({ proxies: [through(proxy.port)], trust });
    expect(router.route('updates', origin.url)).toMatchObject({ how: 'tunnel', proxy: 'corp' });
    expect(await fetched(router)).toBe(`socks5h://127.0.0.1:${proxy.port}`);
    expect(proxy.messages[1]).toContain(Buffer.from('localhost').toString('hex'));
    expect(origin.requests.at(-1)?.proxyHeaders).toEqual([]);
  });

  it('forwards http in a tunnel as well: it has no absolute form', async () => {
    const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = new URL(`http://localhost:${(server.address() as AddressInfo).port}/`);
    const proxy = await keep(startSocksServer([open(OPEN_4, Number(url.port))]));
    const router = testRouter({ proxies: [through(proxy.port, { scheme: 'socks4a' })] });
    const connection = await router.route('updates', url).open(plain);
    expect([connection.form, connection.facts.how]).toEqual(['origin', 'tunnel']);
    expect(await get(connection, url)).toMatchObject({ status: 200, body: expect.stringContaining('hello') });
    server.close();
  });

  it('a SOCKS proxy: it gets user and password on request; a rejection holds for every purpose', async () => {
    const credentialGuard = new CredentialGuard();
    const account = { authentication: 'basic', user: 'svc', password: new Secret('open sesame') } as const;
    const good = await keep(startSocksServer([WANTS_USER, LOGIN_TAKEN, open(OPEN_5, origin.port)]));
    await fetched(testRouter({ proxies: [through(good.port, account)], trust, credentialGuard }));
    expect(good.messages[1]).toContain(SESAME);

    const bad = await keep(startSocksServer([WANTS_USER, Buffer.from([1, 1])]));
    const wrong = { ...account, password: new Secret('wrong sesame') };
    const router = testRouter({ proxies: [through(bad.port, wrong)], trust, credentialGuard });
    const all = (['updates', 'support_logs', 'exposure_analytics', 'platform', 'telemetry'] as const).map((purpose) =>
      router
        .route(purpose, origin.url)
        .open(plain)
        .catch((error: { code: string }) => error.code),
    );
    expect(new Set(await Promise.all(all))).toEqual(new Set(['AUTH-REJECTED']));
    expect(bad.messages.filter((message) => message.includes(SESAME))).toHaveLength(1);
  });

  it.each([
    ['socks5h', (port: number) => honest5(port)],
    ['socks4a', (port: number) => [open(OPEN_4, port)]],
  ] as const)(
    'a SOCKS proxy: %s without an authentication request leaves no verdict to wait for',
    async (scheme, script) => {
      const account = { authentication: 'basic', user: 'svc', password: new Secret('open sesame') } as const;
      const proxy = await keep(startSocksServer(script(origin.port)));
      const router = testRouter({ proxies: [through(proxy.port, { scheme, ...account })], trust });
      const open = () => router.route('updates', origin.url).open(plain);
      const connections = [await open(), await open(), ...(await Promise.all([open(), open()]))];
      for (const connection of connections) connection.release();
      expect(proxy.connections).toBe(4);
      expect(proxy.messages.join()).not.toContain(SESAME);
    },
  );

  it('a SOCKS proxy: an address scheme gets an address; proxy_required fails before dialing', async () => {
    const proxy = await socks();
    const proxies = [through(proxy.port, { scheme: 'socks5' })];
    await fetched(testRouter({ proxies, trust }));
    expect(proxy.messages[1]).toMatch(/^0500|^050100(?:01|04)/);
    const strict = testRouter({ proxies, trust, settings: { proxy_required: true } });
    expect(await codeOf(strict)).toBe('POLICY-RESOLVE');
    expect(proxy.connections).toBe(1);
  });

  it('that cannot be reached is followed by the next', async () => {
    const next = await http();
    const proxies = [through(closed, { fallback: ['next'] }), { ...profile(next.port), name: 'next', default: false }];
    expect(await fetched(testRouter({ proxies, trust }))).toBe(`http://127.0.0.1:${next.port}`);
  });
});

describe('a PAC file', () => {
  async function pac(answer: string, options: TestRouterOptions = {}, more: Partial<ProxyProfile> = {}) {
    const file = join(folder, `${crypto.randomUUID()}.pac`);
    await writeFile(
      file,
      answer.startsWith('function')
        ? answer
        : `function FindProxyForURL(url, host) { return ${JSON.stringify(answer)}; }`,
    );
    const reported: string[] = [];
    const ways = new PacCandidates({
      clock: options.clock ?? systemClock,
      report: (event) => reported.push(event.name),
      fetch: () => Promise.reject(new Error('nothing is fetched here')),
    });
    const required = options.settings?.proxy_required === true;
    const sources = { pac: ways.source({ proxy_required: required }) };
    const named: ProxyProfile = {
      name: 'corp',
      port: 80,
      scheme: 'pac',
      default: true,
      authentication: 'transparent',
      ...more,
    };
    const placed: ProxyProfile = { ...named, pac: { file, ...more.pac } };
    const router = testRouter({ trust, proxies: [placed], sources, ...options });
    return { router, file, reported, profile: placed, sources };
  }
  const at = (port: number) => `127.0.0.1:${port}`;

  it.each([
    ['alive', async () => `PROXY ${at((await http()).port)}`, /^http:/],
    ['dead, then alive', async () => `PROXY ${at(closed)}; PROXY ${at((await http()).port)}`, /^http:/],
    ['dead, then SOCKS', async () => `HTTPS ${at(closed)}; SOCKS5 ${at((await socks()).port)}`, /^socks5h:/],
    ['dead, then DIRECT', async () => `PROXY ${at(closed)}; DIRECT`, /^direct$/],
    ['DIRECT', async () => 'DIRECT', /^direct$/],
  ])('names proxies that are tried in their order: %s', async (_what, answer, used) => {
    const { router } = await pac(await answer());
    expect(await fetched(router)).toMatch(used);
  });

  it('a PAC file: while its first proxy rests, its DIRECT comes first, as in browsers', async () => {
    const clock = new FakeClock();
    const coolDown = new ProxyCooldown(clock);
    const { router } = await pac(`PROXY ${at(closed)}; DIRECT`, { coolDown });
    const failedOver = () => router.events.filter(({ name }) => name === 'failed-over').length;
    for (const [passed, dialled] of [
      [0, 1],
      [MIN_COOLDOWN_MS - 1, 1],
      [1, 2],
    ] as const) {
      clock.advance(passed);
      expect(await fetched(router)).toBe('direct');
      expect(failedOver()).toBe(dialled);
    }
  });

  it('whose proxy rests still uses that proxy under proxy_required', async () => {
    const { router } = await pac(`PROXY ${at(closed)}; DIRECT`, { settings: { proxy_required: true } });
    const before = origin.requests.length;
    for (let round = 0; round < 3; round += 1) expect(await codeOf(router)).toBe('TCP-REFUSED');
    expect(origin.requests).toHaveLength(before);
  });

  it('names proxies of which none can be reached', async () => {
    const { router } = await pac(`PROXY ${at(closed)}; SOCKS ${at(closed)}`);
    await expect(router.route('updates', origin.url).open(plain)).rejects.toMatchObject({ code: 'POLICY' });
  });

  it('a PAC file: under proxy_required DIRECT is skipped after proxies and refused alone', async () => {
    const settings = { proxy_required: true };
    const before = origin.requests.length;
    const dead = await pac(`PROXY ${at(closed)}; DIRECT`, { settings });
    expect(await codeOf(dead.router)).toBe('TCP-REFUSED');
    const alone = await pac('DIRECT', { settings });
    await expect(alone.router.route('updates', origin.url).open(plain)).rejects.toMatchObject({
      code: 'POLICY-DIRECT',
      facts: { rule: 'the PAC answered DIRECT' },
    });
    expect(origin.requests).toHaveLength(before);
  });

  it('has file, answer and target in the reasons of a route after its evaluation', async () => {
    const proxy = await http();
    const { router, file } = await pac(`PROXY ${at(proxy.port)}; DIRECT`);
    expect(router.route('updates', origin.url).reasons).toHaveLength(2);
    await fetched(router);
    expect(router.route('updates', origin.url).reasons.slice(2, 3).map(reasonText)).toEqual([
      `PAC ${file} answered PROXY ${at(proxy.port)}; DIRECT for ${origin.url.origin}/`,
    ]);
  });

  it('a PAC file: a proxy that it names gets no user unless credentials_for matches', async () => {
    const asks = says('HTTP/1.1 407 X\r\nProxy-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n');
    const proxy = await keep(startFaultProxy(asks));
    const account = { authentication: 'basic', user: 'svc', password: new Secret('open sesame') } as const;
    for (const trusted of [undefined, `127.0.0.1:${closed}`, 'other.example']) {
      const { router } = await pac(`PROXY ${at(proxy.port)}`, {}, { ...account, pac: { credentials_for: trusted } });
      expect(await codeOf(router)).toBe('AUTH-REQUIRED');
    }
    expect(proxy.heads.join('')).not.toContain('Proxy-Authorization');
    const { router } = await pac(
      `PROXY ${at(proxy.port)}`,
      {},
      { ...account, pac: { credentials_for: `127.0.0.1:${proxy.port}` } },
    );
    expect(await codeOf(router)).toBe('AUTH-REJECTED');
    expect(proxy.heads.at(-1)).toContain(`Proxy-Authorization: Basic ${btoa('svc:open sesame')}`);
  });

  it('a PAC file: if credentials_for changed, the password must be entered again', async () => {
    const proxy = await http();
    const credentialGuard = new CredentialGuard();
    const account = { authentication: 'basic', user: 'svc', password: new Secret('open sesame') } as const;
    const one = await pac(
      `PROXY ${at(proxy.port)}`,
      { credentialGuard },
      { ...account, pac: { credentials_for: 'other.example' } },
    );
    await fetched(one.router);
    const other = await pac(
      `PROXY ${at(proxy.port)}`,
      { credentialGuard },
      { ...account, pac: { credentials_for: '127.0.0.1' } },
    );
    expect(await codeOf(other.router)).toBe('AUTH-REBIND');
  });

  it('does not send a password as plain text if the profile only allows proofs', async () => {
    const proxy = await keep(startSocksServer([WANTS_USER]));
    const account = { authentication: 'ntlm', user: 'svc', password: new Secret('open sesame') } as const;
    const { router } = await pac(`SOCKS5 ${at(proxy.port)}`, {}, { ...account, pac: { credentials_for: '127.0.0.1' } });
    expect(await codeOf(router)).toBe('AUTH-REQUIRED');
    expect(proxy.messages).toEqual(['050100']);
  });

  it('a PAC file: an unusable one leads to the fallback; as a fallback it is skipped', async () => {
    const next = await http();
    const fallback = { ...profile(next.port), name: 'next', default: false };
    const broken = await pac('function FindProxyForURL() { return null; }', {}, { fallback: ['next'] });
    const { profile: named, sources } = broken;
    const first = testRouter({ trust, proxies: [named, fallback], sources });
    expect(await fetched(first)).toBe(`http://127.0.0.1:${next.port}`);
    expect(first.events.map(({ name }) => name)).toEqual(['proxies-unnamed', 'connected']);

    const proxies = [
      { ...fallback, fallback: ['corp'], default: true },
      { ...named, fallback: [], default: false },
    ];
    const last = testRouter({ trust, proxies, sources });
    expect(await fetched(last)).toBe(`http://127.0.0.1:${next.port}`);
  });

  it('that cannot be evaluated gives no route, in particular no direct one', async () => {
    const before = origin.requests.length;
    const { router } = await pac('function FindProxyForURL() { return null; }');
    expect(await codeOf(router)).toBe('PAC-ANSWER');
    expect(origin.requests).toHaveLength(before);
  });
});

describe('the environment', () => {
  const env = (
    variables: Record<string, string>,
    options: TestRouterOptions = {},
    more: Partial<ProxyProfile> = {},
  ) => {
    const named: ProxyProfile = {
      name: 'corp',
      port: 80,
      scheme: 'environment',
      default: true,
      authentication: 'transparent',
      ...more,
    };
    return testRouter({
      trust,
      proxies: [named],
      sources: { environment: environmentCandidates(variables) },
      ...options,
    });
  };

  it('names the proxy, and the route has the variable', async () => {
    const proxy = await http();
    const router = env({ HTTPS_PROXY: `127.0.0.1:${proxy.port}` });
    expect(router.route('updates', origin.url)).toMatchObject({
      how: 'tunnel',
      reasons: [
        { kind: 'use', purpose: 'updates', use: 'default' },
        { kind: 'default', index: 0, name: 'corp' },
        { kind: 'variable', variable: 'HTTPS_PROXY', url: `http://127.0.0.1:${proxy.port}` },
      ],
    });
    expect(await fetched(router)).toBe(`http://127.0.0.1:${proxy.port}`);
  });

  it('the environment: user and password of a variable go to its proxy, the profile’s to none', async () => {
    const proxy = await http();
    const account = { authentication: 'basic', user: 'other', password: new Secret('not this one') } as const;
    await fetched(env({ https_proxy: `http://svc:open%20sesame@127.0.0.1:${proxy.port}` }, {}, account));
    expect(proxy.heads[0]).toContain(`Proxy-Authorization: Basic ${btoa('svc:open sesame')}`);
    await fetched(env({ https_proxy: `http://127.0.0.1:${proxy.port}` }, {}, account));
    expect(proxy.heads[1]).not.toContain('Proxy-Authorization');
  });

  it('the environment: it may mean direct, with the reason, except under proxy_required', async () => {
    const variables = { https_proxy: `127.0.0.1:${closed}`, no_proxy: 'localhost' };
    expect(env(variables).route('updates', origin.url)).toMatchObject({ how: 'direct' });
    expect(await fetched(env(variables))).toBe('direct');
    const strict = env(variables, { settings: { proxy_required: true } });
    await expect(strict.route('updates', origin.url).open(plain)).rejects.toMatchObject({
      code: 'POLICY-DIRECT',
      facts: { rule: 'environment variable no_proxy has the token localhost' },
    });
  });

  it('the environment: an unescaped sign in a password is reported without the password', async () => {
    const router = env({ https_proxy: 'http://svc:open@sesame@proxy.example:3128' });
    const opening = router.route('updates', origin.url).open(plain);
    await expect(opening).rejects.toMatchObject({
      code: 'CONFIG-PROXY-URL',
      facts: { variable: 'https_proxy', reason: "it has an unescaped '@' in its user or password part" },
      message: expect.not.stringContaining('sesame'),
    });
  });

  it('falls back if its proxy is silent', async () => {
    const [silent, next] = [await keep(startFaultProxy(FAULTS.silent)), await http()];
    const named: ProxyProfile = {
      name: 'corp',
      port: 80,
      scheme: 'environment',
      default: true,
      authentication: 'transparent',
      fallback: ['next'],
    };
    const router = testRouter({
      trust,
      timeouts: { tunnel_timeout_ms: 60 },
      proxies: [named, { ...profile(next.port), name: 'next', default: false }],
      sources: { environment: environmentCandidates({ all_proxy: `127.0.0.1:${silent.port}` }) },
    });
    expect(await fetched(router)).toBe(`http://127.0.0.1:${next.port}`);
  });
});
