// Under `proxy_required` nothing leaves but to a proxy: a real process, each of its connect() calls, each datagram and each name
// that it asks for, counted from outside. A target's name is for the proxy to resolve; only a proxy's own name is asked for here.

import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createCa } from '#test/support/certificates.ts';
import { type RunningDante, startDante } from '#test/support/dante.ts';
import { type PacServer, startPacServer } from '#test/support/pac-server.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { Site } from '#test/support/site.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { startTargets, type Targets } from '#test/support/targets.ts';
import { watchProcess } from '#test/support/watched.ts';

// Each starts a traced process, several at once.
vi.setConfig({ testTimeout: 60_000 });

const PROXY = 'proxy.corp.test';
const DENIED = 'denied.cells.test';
const ca = createCa();

interface Way {
  readonly what: string;
  readonly profile: () => object;
  readonly environment?: () => Record<string, string>;
  readonly code?: string;
  readonly dialled: () => readonly string[];
}

describeWith(['squid', 'dante', 'strace'], 'under proxy_required', () => {
  let targets: Targets;
  let squid: RunningSquid;
  let dante: RunningDante;
  let pac: PacServer;
  beforeAll(async () => {
    targets = await startTargets(40, ca);
    const hosts = targets.names;
    const tls = ca.issue({ names: `DNS:${PROXY}` });
    [squid, dante, pac] = await Promise.all([
      startSquid({ hosts, tls, denyHosts: [DENIED] }),
      startDante({ hosts, denyPort: 1 }),
      startPacServer(),
    ]);
  });
  afterAll(() => Promise.all([squid.stop(), dante.stop(), targets.close(), pac.close()]));

  /** One round of the real program; what it said, where it connected to, and which names it asked for. */
  async function round(
    settings: Record<string, unknown>,
    name?: string,
    environment: Record<string, string> = {},
    command: readonly string[] = ['check'],
  ) {
    const site = await Site.make();
    const watched = await watchProcess([PROXY]);
    try {
      const ca_file = await site.write('ca.pem', ca.cert);
      const feed_url = targets.url('https', name).href;
      const { proxies, updates, ...rest } = settings as { proxies?: object[]; updates?: object };
      const over = (proxies ?? []).map((one) =>
        'scheme' in one && one.scheme === 'https' ? { ca_file, ...one } : one,
      );
      const all = { updates: { feed_url, ca_file, ...updates }, proxy_required: true, proxies: over, ...rest };
      await site.configure(all);
      const { out, err } = await site.start([...command], environment, watched.wrap).ended;
      const asked = [...new Set(watched.asked)];
      // All queries go to the only name server. Without a query there is no datagram at all.
      expect([...new Set(watched.datagrams())]).toEqual(asked.length === 0 ? [] : [watched.nameServer]);
      return { said: out + err, connects: [...new Set(watched.connects())], asked };
    } finally {
      watched.close();
      await site.remove();
    }
  }

  const corp = (more: object = {}) => ({ name: 'corp', address: PROXY, port: squid.port, default: true, ...more });
  const byPac = (answer: string) => ({ name: 'corp', scheme: 'pac', pac: { url: pac.answers(answer) }, default: true });
  const throughPac = () => [new URL(pac.answers('')).host];
  const throughSquid = () => [`127.0.0.1:${squid.port}`];

  it.concurrent('a way that works leads to the proxy alone', async () => {
    const { said, connects, asked } = await round({ proxies: [corp()] });
    expect(said).toContain('[FEED-');
    expect({ connects, asked }).toEqual({ connects: throughSquid(), asked: [PROXY] });
  });

  it.concurrent('proxy_required: a second opinion uses only the proxy, whatever the environment exempts', async () => {
    const environment = { no_proxy: '*', NO_PROXY: '*' };
    const command = ['diagnose', '--second-opinion'];
    const { said, connects, asked } = await round({ proxies: [corp()] }, undefined, environment, command);
    expect(said).toMatch(/An ordinary Node client gets (?:through as well|the same)/);
    expect({ connects, asked }).toEqual({ connects: throughSquid(), asked: [PROXY] });
  });

  it.concurrent('without it the same count finds the direct way: the count counts', async () => {
    const { connects, asked } = await round({ proxy_required: false }, 'localhost');
    expect({ connects, asked }).toEqual({ connects: [`127.0.0.1:${targets.securePort}`], asked: [] });
    expect((await round({ proxy_required: false }, 'far.cells.test')).asked).toEqual(['far.cells.test']);
  });

  it.concurrent('proxy_required: a proxy that denies the target causes no direct connection', async () => {
    const { said, connects, asked } = await round({ proxies: [corp()] }, DENIED);
    expect(said).toContain('[POLICY-DENIED]');
    expect({ connects, asked }).toEqual({ connects: throughSquid(), asked: [PROXY] });
  });

  it.concurrent('proxy_required: a closed port of the proxy causes no direct connection', async () => {
    const { said, connects, asked } = await round({ proxies: [corp({ port: 1 })] });
    expect(said).toContain('[TCP-REFUSED]');
    expect({ connects, asked }).toEqual({ connects: ['127.0.0.1:1'], asked: [PROXY] });
  });

  it.concurrent('a proxy whose name is unknown is asked for by its name alone', async () => {
    const { said, connects, asked } = await round({ proxies: [corp({ address: 'prxoy.corp.test' })] });
    expect(said).toContain('[DNS-PROXY]');
    expect({ connects, asked }).toEqual({ connects: [], asked: ['prxoy.corp.test'] });
  });

  it.concurrent.each([
    ['an exception', { no_proxy: '*.cells.test' }, {}],
    ['a purpose without a proxy', {}, { use_proxy_for: { updates: 'none' } }],
    ['a switch', {}, { proxy_enabled: false }],
  ])('%s that leads direct is refused before anything is dialled', async (_what, profile, settings) => {
    const { said, connects, asked } = await round({ proxies: [corp(profile)], ...settings });
    expect(said).toContain('POLICY-DIRECT');
    expect({ connects, asked }).toEqual({ connects: [], asked: [] });
  });

  it.concurrent.each([
    ['DIRECT alone', 'DIRECT', '[POLICY-DIRECT]', []],
    ['DIRECT behind a proxy where nobody listens', 'PROXY 127.0.0.1:1; DIRECT', '[TCP-REFUSED]', ['127.0.0.1:1']],
  ])('a PAC that names %s is not followed to the target', async (_what, answer, code, dialled) => {
    const { said, connects, asked } = await round({ proxies: [byPac(answer)] });
    expect(said).toContain(code);
    // The file itself is fetched directly; it is none of a purpose.
    expect({ connects, asked }).toEqual({ connects: [...throughPac(), ...dialled], asked: [] });
  });

  it.concurrent('a PAC that asks for the address of the target gets none', async () => {
    const text = `function FindProxyForURL(url, host) { dnsResolve(host); isResolvable(host); return 'PROXY ${PROXY}:${squid.port}'; }`;
    const { said, connects, asked } = await round({ proxies: [{ ...byPac(''), pac: { url: pac.file(text) } }] });
    expect(said).toContain('[FEED-');
    expect({ connects, asked }).toEqual({ connects: [...throughPac(), ...throughSquid()], asked: [PROXY] });
  });

  it.concurrent('an exception of the environment that leads direct is refused', async () => {
    const environment = { https_proxy: `http://${PROXY}:${squid.port}`, no_proxy: '.cells.test' };
    const proxies = [{ name: 'corp', scheme: 'environment', default: true }];
    const { said, connects, asked } = await round({ proxies }, undefined, environment);
    expect(said).toContain('[POLICY-DIRECT]');
    expect({ connects, asked }).toEqual({ connects: [], asked: [] });
  });

  it.concurrent.each(['socks5h', 'socks4a'])(
    'proxy_required: only a %s proxy gets the name, even if it is dead',
    async (scheme) => {
      const { said, connects, asked } = await round({ proxies: [corp({ scheme, port: 1 })] });
      expect(said).toContain('[TCP-REFUSED]');
      expect({ connects, asked }).toEqual({ connects: ['127.0.0.1:1'], asked: [PROXY] });
    },
  );

  it.concurrent('proxy_required: if all fallback proxies are dead, only they are dialed', async () => {
    const next = { name: 'next', address: '127.0.0.1', port: 2 };
    const { said, connects, asked } = await round({ proxies: [corp({ port: 1, fallback: ['next'] }), next] });
    expect(said).toContain('[POLICY]');
    expect({ connects, asked }).toEqual({ connects: ['127.0.0.1:1', '127.0.0.1:2'], asked: [PROXY] });
  });

  const throughDante = () => [`127.0.0.1:${dante.port}`];
  const byEnvironment = () => ({ name: 'corp', scheme: 'environment', default: true });

  it.concurrent.each<Way>([
    {
      what: 'TLS to the proxy',
      profile: () => corp({ scheme: 'https', port: squid.tlsPort }),
      dialled: () => [`127.0.0.1:${squid.tlsPort}`],
    },
    { what: 'socks5h', profile: () => corp({ scheme: 'socks5h', port: dante.port }), dialled: throughDante },
    {
      what: 'a PAC that names SOCKS',
      profile: () => byPac(`SOCKS5 ${PROXY}:${dante.port}`),
      dialled: () => [...throughPac(), ...throughDante()],
    },
    {
      what: 'an environment that names a proxy',
      profile: byEnvironment,
      environment: () => ({ https_proxy: `http://${PROXY}:${squid.port}` }),
      dialled: throughSquid,
    },
    {
      what: 'an environment that names SOCKS',
      profile: byEnvironment,
      environment: () => ({ all_proxy: `socks5h://${PROXY}:${dante.port}` }),
      dialled: throughDante,
    },
    {
      what: 'an environment that names a proxy where nobody listens',
      profile: byEnvironment,
      environment: () => ({ https_proxy: `http://${PROXY}:1` }),
      code: '[TCP-REFUSED]',
      dialled: () => ['127.0.0.1:1'],
    },
  ])('$what leads there and nowhere else', async ({ profile, environment, code = '[FEED-', dialled }) => {
    const { said, connects, asked } = await round({ proxies: [profile()] }, undefined, environment?.());
    expect(said).toContain(code);
    expect({ connects, asked }).toEqual({ connects: dialled(), asked: [PROXY] });
  });

  it.concurrent.each([
    ['SOCKS with names looked up here', () => ({ all_proxy: `socks5://${PROXY}:${dante.port}` }), 'POLICY-RESOLVE'],
    ['no proxy', () => ({}), 'POLICY-DIRECT'],
  ] as const)(
    'an environment that names %s is refused before anything is dialled',
    async (_what, environment, code) => {
      const { said, connects, asked } = await round({ proxies: [byEnvironment()] }, undefined, environment());
      expect(said).toContain(`[${code}]`);
      expect({ connects, asked }).toEqual({ connects: [], asked: [] });
    },
  );

  it.concurrent('proxy_required: a SOCKS proxy that denies the target causes no direct connection', async () => {
    const proxies = [corp({ scheme: 'socks5h', port: dante.port })];
    const { said, connects, asked } = await round({ proxies, updates: { feed_url: 'https://c0.cells.test:1/' } });
    expect(said).toContain('[POLICY-DENIED]');
    expect({ connects, asked }).toEqual({ connects: throughDante(), asked: [PROXY] });
  });

  it.concurrent('a PAC file that is broken, or cannot be had, leads nowhere', async () => {
    const pacAt = (url: string) => ({ proxies: [{ ...byPac(''), pac: { url } }] });
    const broken = await round(pacAt(pac.file('function FindProxyForURL(')));
    expect(broken.said).toContain('[PAC-SYNTAX]');
    expect({ connects: broken.connects, asked: broken.asked }).toEqual({ connects: throughPac(), asked: [] });
    const gone = await round(pacAt('http://127.0.0.1:1/proxy.pac'));
    expect(gone.said).toMatch(/\[PAC-/);
    expect({ connects: gone.connects, asked: gone.asked }).toEqual({ connects: ['127.0.0.1:1'], asked: [] });
  });
});
