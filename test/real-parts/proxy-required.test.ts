// Under `proxy_required` nothing leaves but to a proxy: a real process, each of its connect() calls, each datagram and each name
// that it asks for, counted from outside. One process runs most of the commands, one after another: 28 starts under strace
// took 30 s of a core. A target's name is for the proxy to resolve; only a proxy's own name is asked for here.

import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { BatchProcess } from '#test/support/batch-process.ts';
import { builtBatch } from '#test/support/built-program.ts';
import { createCa } from '#test/support/certificates.ts';
import { type RunningDante, startDante } from '#test/support/dante.ts';
import { BARE_ENVIRONMENT } from '#test/support/main-path.ts';
import { type PacServer, startPacServer } from '#test/support/pac-server.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { Site } from '#test/support/site.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { startTargets, type Targets } from '#test/support/targets.ts';
import { type Activity, watchProcess } from '#test/support/watched.ts';

// A traced process is slow to start.
vi.setConfig({ testTimeout: 120_000 });

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
  let watched: Awaited<ReturnType<typeof watchProcess>>;
  let batch: BatchProcess;
  beforeAll(async () => {
    targets = await startTargets(40, ca);
    const hosts = targets.names;
    const tls = ca.issue({ names: `DNS:${PROXY}` });
    [squid, dante, pac] = await Promise.all([
      startSquid({ hosts, tls, denyHosts: [DENIED] }),
      startDante({ hosts, denyPort: 1 }),
      startPacServer(),
    ]);
    watched = await watchProcess([PROXY]);
    const { command, args } = watched.wrap([process.execPath, '--disable-sigusr1', builtBatch()]);
    batch = new BatchProcess([command, ...args], BARE_ENVIRONMENT);
  });
  afterAll(async () => {
    await batch.close();
    watched.close();
    await Promise.all([squid.stop(), dante.stop(), targets.close(), pac.close()]);
  });

  /** What a command said, where it connected to, and which names it asked for. */
  interface Seen {
    readonly said: string;
    readonly connects: readonly string[];
    readonly asked: readonly string[];
  }
  type Round = [
    settings: Record<string, unknown>,
    name?: string,
    environment?: Record<string, string>,
    command?: readonly string[],
  ];

  async function siteOf([settings, name]: Round): Promise<Site> {
    const site = await Site.make();
    const ca_file = await site.write('ca.pem', ca.cert);
    const feed_url = targets.url('https', name).href;
    const { proxies, updates, ...rest } = settings as { proxies?: object[]; updates?: object };
    const over = (proxies ?? []).map((one) => ('scheme' in one && one.scheme === 'https' ? { ca_file, ...one } : one));
    await site.configure({ updates: { feed_url, ca_file, ...updates }, proxy_required: true, proxies: over, ...rest });
    return site;
  }

  function report(said: string, seen: Activity, nameServer: string): Seen {
    const asked = [...new Set(seen.asked)];
    // All queries go to the only name server. Without a query there is no datagram at all.
    expect([...new Set(seen.datagrams)]).toEqual(asked.length === 0 ? [] : [nameServer]);
    return { said, connects: [...new Set(seen.connects)], asked };
  }

  /** One round of the program, in the process for all of them. */
  async function round(...given: Round): Promise<Seen> {
    const [, , environment = {}, command = ['check']] = given;
    const site = await siteOf(given);
    try {
      // Nothing of an earlier round is counted for this one, and nothing followed an earlier round.
      expect(watched.rest()).toEqual({ connects: [], datagrams: [], asked: [] });
      const { out, err } = await batch.run([...command, '--config', site.config], environment);
      return report(out + err, watched.rest(), watched.nameServer);
    } finally {
      await site.remove();
    }
  }

  /** One round of the program in a process of its own, with its start and its end. */
  async function ownProcess(...given: Round): Promise<Seen> {
    const [, , environment = {}, command = ['check']] = given;
    const site = await siteOf(given);
    const alone = await watchProcess([PROXY]);
    try {
      const { out, err } = await site.start([...command], environment, alone.wrap).ended;
      return report(out + err, alone.rest(), alone.nameServer);
    } finally {
      alone.close();
      await site.remove();
    }
  }

  const corp = (more: object = {}) => ({ name: 'corp', address: PROXY, port: squid.port, default: true, ...more });
  const byPac = (answer: string) => ({ name: 'corp', scheme: 'pac', pac: { url: pac.answers(answer) }, default: true });
  const throughPac = () => [new URL(pac.answers('')).host];
  const throughSquid = () => [`127.0.0.1:${squid.port}`];

  it('a way that works leads to the proxy alone', async () => {
    const { said, connects, asked } = await ownProcess({ proxies: [corp()] });
    expect(said).toContain('[FEED-');
    expect({ connects, asked }).toEqual({ connects: throughSquid(), asked: [PROXY] });
  });

  it('proxy_required: a second opinion uses only the proxy, whatever the environment exempts', async () => {
    const environment = { no_proxy: '*', NO_PROXY: '*' };
    const command = ['diagnose', '--second-opinion'];
    const { said, connects, asked } = await ownProcess({ proxies: [corp()] }, undefined, environment, command);
    expect(said).toMatch(/An ordinary Node client gets (?:through as well|the same)/);
    expect({ connects, asked }).toEqual({ connects: throughSquid(), asked: [PROXY] });
  });

  it('without it the same count finds the direct way: the count counts', async () => {
    const { connects, asked } = await round({ proxy_required: false }, 'localhost');
    expect({ connects, asked }).toEqual({ connects: [`127.0.0.1:${targets.securePort}`], asked: [] });
    expect((await round({ proxy_required: false }, 'far.cells.test')).asked).toEqual(['far.cells.test']);
  });

  it('proxy_required: a proxy that denies the target causes no direct connection', async () => {
    const { said, connects, asked } = await round({ proxies: [corp()] }, DENIED);
    expect(said).toContain('[POLICY-DENIED]');
    expect({ connects, asked }).toEqual({ connects: throughSquid(), asked: [PROXY] });
  });

  it('proxy_required: a closed port of the proxy causes no direct connection', async () => {
    const { said, connects, asked } = await round({ proxies: [corp({ port: 1 })] });
    expect(said).toContain('[TCP-REFUSED]');
    expect({ connects, asked }).toEqual({ connects: ['127.0.0.1:1'], asked: [PROXY] });
  });

  it('a proxy whose name is unknown is asked for by its name alone', async () => {
    const { said, connects, asked } = await round({ proxies: [corp({ address: 'prxoy.corp.test' })] });
    expect(said).toContain('[DNS-PROXY]');
    expect({ connects, asked }).toEqual({ connects: [], asked: ['prxoy.corp.test'] });
  });

  it.each([
    ['an exception', { no_proxy: '*.cells.test' }, {}],
    ['a purpose without a proxy', {}, { use_proxy_for: { updates: 'none' } }],
    ['a switch', {}, { proxy_enabled: false }],
  ])('%s that leads direct is refused before anything is dialled', async (_what, profile, settings) => {
    const { said, connects, asked } = await round({ proxies: [corp(profile)], ...settings });
    expect(said).toContain('POLICY-DIRECT');
    expect({ connects, asked }).toEqual({ connects: [], asked: [] });
  });

  it.each([
    ['DIRECT alone', 'DIRECT', '[POLICY-DIRECT]', []],
    ['DIRECT behind a proxy where nobody listens', 'PROXY 127.0.0.1:1; DIRECT', '[TCP-REFUSED]', ['127.0.0.1:1']],
  ])('a PAC that names %s is not followed to the target', async (_what, answer, code, dialled) => {
    const { said, connects, asked } = await round({ proxies: [byPac(answer)] });
    expect(said).toContain(code);
    // The file itself is fetched directly; it is none of a purpose.
    expect({ connects, asked }).toEqual({ connects: [...throughPac(), ...dialled], asked: [] });
  });

  it('a PAC that asks for the address of the target gets none', async () => {
    const text = `function FindProxyForURL(url, host) { dnsResolve(host); isResolvable(host); return 'PROXY ${PROXY}:${squid.port}'; }`;
    const { said, connects, asked } = await round({ proxies: [{ ...byPac(''), pac: { url: pac.file(text) } }] });
    expect(said).toContain('[FEED-');
    expect({ connects, asked }).toEqual({ connects: [...throughPac(), ...throughSquid()], asked: [PROXY] });
  });

  it('an exception of the environment that leads direct is refused', async () => {
    const environment = { https_proxy: `http://${PROXY}:${squid.port}`, no_proxy: '.cells.test' };
    const proxies = [{ name: 'corp', scheme: 'environment', default: true }];
    const { said, connects, asked } = await round({ proxies }, undefined, environment);
    expect(said).toContain('[POLICY-DIRECT]');
    expect({ connects, asked }).toEqual({ connects: [], asked: [] });
  });

  it.each(['socks5h', 'socks4a'])(
    'proxy_required: only a %s proxy gets the name, even if it is dead',
    async (scheme) => {
      const { said, connects, asked } = await round({ proxies: [corp({ scheme, port: 1 })] });
      expect(said).toContain('[TCP-REFUSED]');
      expect({ connects, asked }).toEqual({ connects: ['127.0.0.1:1'], asked: [PROXY] });
    },
  );

  it('proxy_required: if all fallback proxies are dead, only they are dialed', async () => {
    const next = { name: 'next', address: '127.0.0.1', port: 2 };
    const { said, connects, asked } = await round({ proxies: [corp({ port: 1, fallback: ['next'] }), next] });
    expect(said).toContain('[POLICY]');
    expect({ connects, asked }).toEqual({ connects: ['127.0.0.1:1', '127.0.0.1:2'], asked: [PROXY] });
  });

  const throughDante = () => [`127.0.0.1:${dante.port}`];
  const byEnvironment = () => ({ name: 'corp', scheme: 'environment', default: true });

  it.each<Way>([
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

  it.each([
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

  it('proxy_required: a SOCKS proxy that denies the target causes no direct connection', async () => {
    const proxies = [corp({ scheme: 'socks5h', port: dante.port })];
    const { said, connects, asked } = await round({ proxies, updates: { feed_url: 'https://c0.cells.test:1/' } });
    expect(said).toContain('[POLICY-DENIED]');
    expect({ connects, asked }).toEqual({ connects: throughDante(), asked: [PROXY] });
  });

  it('a PAC file that is broken, or cannot be had, leads nowhere', async () => {
    const pacAt = (url: string) => ({ proxies: [{ ...byPac(''), pac: { url } }] });
    const broken = await round(pacAt(pac.file('function FindProxyForURL(')));
    expect(broken.said).toContain('[PAC-SYNTAX]');
    expect({ connects: broken.connects, asked: broken.asked }).toEqual({ connects: throughPac(), asked: [] });
    const gone = await round(pacAt('http://127.0.0.1:1/proxy.pac'));
    expect(gone.said).toMatch(/\[PAC-/);
    expect({ connects: gone.connects, asked: gone.asked }).toEqual({ connects: ['127.0.0.1:1'], asked: [] });
  });
});
