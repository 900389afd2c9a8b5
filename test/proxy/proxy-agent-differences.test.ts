/**
 * Sallyport and npm's `proxy-agent` and `proxy-from-env` on the same input. Every difference has its reason here; one
 * that is not listed, or is listed and gone, fails.
 */
import { once } from 'node:events';
import { type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { ProxyAgent } from 'proxy-agent';
import { getProxyForUrl } from 'proxy-from-env';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { chooseFromEnvironment } from '#proxy/choosing/environment-proxies.ts';
import type { HopScheme } from '#proxy/profile.ts';
import { createCa } from '#test/support/certificates.ts';
import { honest, startFaultProxy } from '#test/support/fault-proxy.ts';
import { NO_USER, OPEN_4, OPEN_5, open, startSocksServer } from '#test/support/socks-server.ts';
import { get, profile, testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

afterEach(() => vi.unstubAllEnvs());

const VARIABLES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy', 'ws_proxy', 'wss_proxy', 'npm_config_proxy'];

/** The proxy of each, without a slash at its end; `direct` without one. */
function bothChoose(
  variables: Readonly<Record<string, string>>,
  target: string,
): readonly [ours: string, theirs: string] {
  for (const name of VARIABLES) for (const written of [name, name.toUpperCase()]) vi.stubEnv(written, undefined);
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  const url = new URL(target);
  const encrypted = url.protocol === 'https:' || url.protocol === 'wss:';
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const port = Number(url.port || (encrypted ? 443 : 80));
  const choice = chooseFromEnvironment(variables, { encrypted, host, port });
  const ours =
    choice.kind === 'proxy' ? `${choice.proxy.scheme}://${choice.proxy.host}:${choice.proxy.port}` : choice.kind;
  const theirs = getProxyForUrl(target).replace(/\/$/, '');
  return [ours, theirs === '' ? 'direct' : theirs];
}

const TARGETS = [
  'https://example.com/',
  'https://a.example.com/',
  'https://notexample.com/',
  'https://example.com:8443/',
  'https://EXAMPLE.com./',
  'https://10.1.2.3/',
  'https://[2001:db8::1]/',
];
const LISTS = [
  '',
  '*',
  'example.com',
  '.example.com',
  '*.example.com',
  'EXAMPLE.COM',
  'example.com.',
  'example.com:8443',
  'other.test, example.com',
  'other.test;example.com',
  '10.1.2.3',
  '10.0.0.0/8',
  '*.2.3',
  '2001:db8::1',
  '[2001:db8::1]',
  '2001:db8::/32',
  '*example.com',
];

const BELOW = 'a name means what is below it as well, as with curl';
const DOT = 'a dot at the end is DNS notation and names the same host';
const NETWORK = 'networks in CIDR notation are known, as with curl';
const BRACKETS = 'an IPv6 address needs no brackets, as with curl';
const ASTERISK =
  'an asterisk is only read in front of a dot and a name; else the token matches nothing, which sends less direct';

/** By list and target: what Sallyport does there and proxy-from-env does not, and why. */
const DIFFERENCES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'example.com': { 'https://a.example.com/ direct': BELOW, 'https://EXAMPLE.com./ direct': DOT },
  'EXAMPLE.COM': { 'https://a.example.com/ direct': BELOW, 'https://EXAMPLE.com./ direct': DOT },
  'other.test, example.com': { 'https://a.example.com/ direct': BELOW, 'https://EXAMPLE.com./ direct': DOT },
  'example.com.': {
    'https://example.com/ direct': DOT,
    'https://a.example.com/ direct': BELOW,
    'https://example.com:8443/ direct': DOT,
  },
  '10.0.0.0/8': { 'https://10.1.2.3/ direct': NETWORK },
  '2001:db8::/32': { 'https://[2001:db8::1]/ direct': NETWORK },
  '2001:db8::1': { 'https://[2001:db8::1]/ direct': BRACKETS },
  '*.2.3': { 'https://10.1.2.3/ proxy': ASTERISK },
  '*example.com': {
    'https://example.com/ proxy': ASTERISK,
    'https://a.example.com/ proxy': ASTERISK,
    'https://notexample.com/ proxy': ASTERISK,
    'https://example.com:8443/ proxy': ASTERISK,
  },
};

describe('no_proxy', () => {
  it.each(LISTS)('"%s" differs only where it is listed', (no_proxy) => {
    const variables = { https_proxy: 'http://proxy.test:3128', no_proxy };
    const differing = TARGETS.flatMap((target) => {
      const [ours, theirs] = bothChoose(variables, target);
      return ours === theirs ? [] : [`${target} ${ours === 'direct' ? 'direct' : 'proxy'}`];
    });
    expect(differing).toEqual(Object.keys(DIFFERENCES[no_proxy] ?? {}));
  });

  it('has no listed difference for a list that is not compared', () => {
    expect(Object.keys(DIFFERENCES).filter((list) => !LISTS.includes(list))).toEqual([]);
  });
});

const HTTPS = 'https://example.com/';
const PROXY = 'http://proxy.test:3128';
type Variables = Readonly<Record<string, string>>;

describe('the variables compared with proxy-from-env', () => {
  it.each<[Variables, string]>([
    [{ https_proxy: PROXY }, HTTPS],
    [{ https_proxy: PROXY, HTTPS_PROXY: 'http://other.test:1' }, HTTPS],
    [{ https_proxy: '', all_proxy: PROXY }, HTTPS],
    [{ all_proxy: 'socks5://proxy.test:1080' }, HTTPS],
    [{ http_proxy: PROXY }, HTTPS],
    [{ http_proxy: PROXY }, 'http://example.com/'],
    [{ https_proxy: 'https://proxy.test:8443' }, HTTPS],
    [{}, HTTPS],
  ])('%j: both choose the same for %s', (variables, target) => {
    const [ours, theirs] = bothChoose(variables, target);
    expect(ours).toBe(theirs);
  });

  it.each<[why: string, Variables, string, ours: string, theirs: string]>([
    [
      'a proxy without a scheme is http, as with curl',
      { https_proxy: 'proxy.test:3128' },
      HTTPS,
      PROXY,
      'https://proxy.test:3128',
    ],
    [
      "a proxy without a port is at curl's 1080",
      { https_proxy: 'http://proxy.test' },
      HTTPS,
      'http://proxy.test:1080',
      'http://proxy.test',
    ],
    [
      'socks is version 4, as with curl',
      { all_proxy: 'socks://proxy.test:1080' },
      HTTPS,
      'socks4://proxy.test:1080',
      'socks://proxy.test:1080',
    ],
    [
      'a header cannot name a proxy for CGI',
      { HTTP_PROXY: PROXY, REQUEST_METHOD: 'GET' },
      'http://example.com/',
      'direct',
      PROXY,
    ],
    ['a WebSocket over TLS is encrypted like https', { https_proxy: PROXY }, 'wss://example.com/', PROXY, 'direct'],
    ['spaces around a value are no part of it', { https_proxy: ` ${PROXY} ` }, HTTPS, PROXY, ` ${PROXY} `],
    ['an unknown scheme is an error', { https_proxy: 'ftp://proxy.test:21' }, HTTPS, 'wrong', 'ftp://proxy.test:21'],
    [
      'an unescaped @ is an error',
      { https_proxy: 'http://svc:a@b@proxy.test:1' },
      HTTPS,
      'wrong',
      'http://svc:a@b@proxy.test:1',
    ],
  ])('%s', (_why, variables, target, ...expected) => {
    expect(bothChoose(variables, target)).toEqual(expected);
  });
});

const ca = createCa();
const TOLD_FIRST = /^[A-Z]+ \S+ HTTP\/1\.1/;

describe('proxies of proxy-agent', () => {
  let origin: TlsOrigin;
  beforeAll(async () => {
    origin = await startTlsOrigin(ca.issue());
  });
  afterAll(() => origin.close());

  /** What each client sends to a proxy of this kind, and the status that it gets. */
  async function bothAsk(scheme: HopScheme, target: string): Promise<readonly [ours: string[], theirs: string[]]> {
    const told: string[][] = [];
    for (const ask of [askOurs, askTheirs]) {
      const proxy = await proxyOf(scheme);
      try {
        const status = await ask(scheme, proxy.port, new URL(target));
        told.push([...proxy.told(), `status ${status}`]);
      } finally {
        await proxy.close();
      }
    }
    return told as [string[], string[]];
  }

  async function proxyOf(scheme: HopScheme) {
    if (scheme === 'http' || scheme === 'https') {
      const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
      const proxy = await startFaultProxy((client, head, earlier) => {
        if (head.startsWith('CONNECT')) honest(origin.port)(client, head, earlier);
        else client.end(answer);
      });
      return {
        port: proxy.port,
        close: proxy.close,
        told: () => proxy.heads.map((head) => TOLD_FIRST.exec(head)?.[0] ?? ''),
      };
    }
    const isFour = scheme.startsWith('socks4');
    const opened = open(isFour ? OPEN_4 : OPEN_5, origin.port);
    const server = await startSocksServer(isFour ? [opened] : [NO_USER, opened]);
    // The rest is TLS, which differs each time.
    const own = isFour ? 1 : 2;
    return { port: server.port, close: server.close, told: () => server.messages.slice(0, own) };
  }

  async function askOurs(scheme: HopScheme, port: number, url: URL): Promise<number> {
    const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };
    const router = testRouter({ proxies: [{ ...profile(port), scheme }], trust });
    const connection = await router.route('updates', url).open({ bulk: false, signal: new AbortController().signal });
    return (await get(connection, url)).status;
  }

  async function askTheirs(scheme: HopScheme, port: number, url: URL): Promise<number | undefined> {
    const agent = new ProxyAgent({ getProxyForUrl: () => `${scheme}://127.0.0.1:${port}`, ca: ca.cert });
    const made = url.protocol === 'https:' ? requestHttps(url, { agent }) : requestHttp(url, { agent });
    const [response] = (await once(made.end(), 'response')) as [IncomingMessage];
    response.destroy();
    return response.statusCode;
  }

  it.each<[HopScheme, string]>([
    ['http', 'https://localhost:8443/feed.json?a=1'],
    ['http', 'https://127.0.0.1:8443/'],
    ['http', 'http://127.0.0.1/feed.json?a=1'],
    ['http', 'http://127.0.0.1:8080/'],
    ['socks4', 'https://127.0.0.1:8443/'],
    ['socks4a', 'https://localhost:8443/'],
    ['socks5', 'https://127.0.0.1:8443/'],
    ['socks5h', 'https://localhost:8443/'],
    ['socks5h', 'https://127.0.0.1:8443/'],
  ])('a proxy of scheme %s gets the same from both for %s', async (scheme, target) => {
    const [ours, theirs] = await bothAsk(scheme, target);
    expect(ours).toEqual(theirs);
    expect(ours.at(-1)).toBe('status 200');
  });
});
