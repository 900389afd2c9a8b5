// A real Squid that intercepts TLS (ssl-bump): a target that is not exempt is refused before a byte of a request, by the name
// of the authority, even if this host trusts it. Squid reads what is sent, so its log is the proof.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { createCa } from '#test/support/certificates.ts';
import { type FileReplacements, withReplacedFiles } from '#test/support/part.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { Site } from '#test/support/site.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { PROTOCOLS, type Protocol, reach, startTargets, type Targets } from '#test/support/targets.ts';
import { profile, testRouter } from '#test/support/test-router.ts';

// Each starts processes, several at once.
vi.setConfig({ testTimeout: 120_000 });

const originCa = createCa('Origin CA');
const bumpCa = createCa('Corp TLS Inspection CA');
const ISSUER = 'O=Test Inspect, CN=Corp TLS Inspection CA';
const USER = { user: 'svc_update', password: 'open sesame' } as const;

let targets: Targets;
let squid: RunningSquid;
let asking: RunningSquid;

/** Status, method and who of the lines about a target. */
async function logOf(through: RunningSquid, url: URL, atLeast = 1): Promise<string[]> {
  const lines = await through.accessLog(atLeast, `${url.hostname}:`);
  return lines.map((line) => line.split(' ').toSpliced(2, 1).join(' '));
}

async function failureOf(opening: Promise<unknown>): Promise<unknown> {
  return await opening.catch((error: unknown) => error);
}

describeWith(['squid'], 'a Squid that opens TLS', () => {
  beforeAll(async () => {
    targets = await startTargets(60, originCa);
    const hosts = [...targets.names, ...PROTOCOLS.map(exempt)];
    const bump = { ca: bumpCa, splice: PROTOCOLS.map(exempt) };
    [squid, asking] = await Promise.all([startSquid({ bump, hosts }), startSquid({ bump, hosts, auth: USER })]);
  });
  afterAll(() => Promise.all([squid.stop(), asking.stop(), targets.close()]));

  it('is named by its authority, and what to ask for is said', async () => {
    const url = targets.url('https');
    const router = testRouter({ proxies: [profile(squid.port)], trust: targets.trust });
    const options = { bulk: false, signal: new AbortController().signal };
    expect(await failureOf(router.route('updates', url).open(options))).toMatchObject({
      code: 'TLS-INTERCEPTED',
      facts: { issuer: ISSUER },
      check: expect.stringContaining(`Ask the proxy team for a bypass for ${url.host}`),
    });
  });

  it.concurrent.each([
    ['http', 'passed', ['200 GET']],
    ['https', 'TLS-INTERCEPTED', ['200 CONNECT']],
    // Squid closes a tunnel without TLS.
    ['ws', 'WS-BLOCKED', ['200 CONNECT']],
    ['wss', 'TLS-INTERCEPTED', ['200 CONNECT']],
  ] as const)('%s: %s; a request inside of TLS would be in its log, and is not', async (protocol, result, log) => {
    for (const [through, account, who] of [
      [squid, undefined, '-'],
      [asking, USER, USER.user],
    ] as const) {
      const url = targets.url(protocol);
      const router = testRouter({ proxies: [profile(through.port, account)], trust: targets.trust });
      expect(await reach(router, url)).toBe(result);
      expect(await logOf(through, url)).toEqual(log.map((line) => `${line} ${who}`));
      expect(targets.seen(url)).toEqual({ requests: result === 'passed' ? 1 : 0, proxyHeaders: [] });
    }
  });

  it.concurrent.each(['https', 'wss'] as const)('%s: a name that is exempt goes through', async (protocol) => {
    const url = targets.url(protocol, exempt(protocol));
    const router = testRouter({ proxies: [profile(squid.port)], trust: targets.trust });
    expect(await reach(router, url)).toBe('passed');
    expect((await logOf(squid, url))[0]).toBe('200 CONNECT -');
    expect(targets.seen(url)).toEqual({ requests: 1, proxyHeaders: [] });
  });

  // Not concurrently with the right one: for two requests of a user at once, Squid uses the helper's first answer for both.
  it.each(['https', 'wss'] as const)('%s: a wrong password comes before all that', async (protocol) => {
    const url = targets.url(protocol);
    const proxies = [profile(asking.port, { ...USER, password: 'wrong' })];
    expect(await reach(testRouter({ proxies, trust: targets.trust }), url)).toBe('AUTH-REJECTED');
    expect(await logOf(asking, url)).toEqual([`407 CONNECT ${USER.user}`]);
  });

  it('interception: pins refuse it even if ca_file names the authority of the proxy', async () => {
    const url = targets.url('https');
    const pins = [`sha256/${Buffer.alloc(32).toString('base64')}`];
    const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: bumpCa.cert }, pins };
    expect(await reach(testRouter({ proxies: [profile(squid.port)], trust }), url)).toBe('TLS-PIN');
    expect(await logOf(squid, url)).toEqual(['200 CONNECT -']);
    expect(targets.seen(url).requests).toBe(0);
  });
});

/** Of a process: what it sees in place of the machine's, its environment, options of Node. */
interface Place {
  readonly seen: FileReplacements;
  readonly environment: Readonly<Record<string, string>>;
  readonly options: readonly string[];
}

const STORE = '/etc/ssl/certs';
const WAYS: readonly (readonly [string, (dir: string, pem: string) => Partial<Place>])[] = [
  ['the folder of the machine has it', (dir) => ({ seen: { [STORE]: dir } })],
  ['the bundle of the machine has it', (_dir, pem) => ({ seen: { [`${STORE}/ca-certificates.crt`]: pem } })],
  ['and Node is told to use the folder', (dir) => ({ seen: { [STORE]: dir }, options: ['--use-system-ca'] })],
  ['and every Node is', (dir) => ({ seen: { [STORE]: dir }, environment: { NODE_USE_SYSTEM_CA: '1' } })],
  ['SSL_CERT_DIR', (dir) => ({ environment: { SSL_CERT_DIR: dir }, options: ['--use-system-ca'] })],
  ['SSL_CERT_FILE', (_dir, pem) => ({ environment: { SSL_CERT_FILE: pem }, options: ['--use-openssl-ca'] })],
  ['NODE_EXTRA_CA_CERTS', (_dir, pem) => ({ environment: { NODE_EXTRA_CA_CERTS: pem } })],
];

describeWith(['squid', 'mounts'], 'a Squid that opens TLS, whose authority this host trusts', () => {
  let dir: string;
  let pem: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-store-'));
    pem = join(dir, 'ca.pem');
    await writeFile(pem, bumpCa.cert);
    targets = await startTargets(20, originCa);
    squid = await startSquid({ bump: { ca: bumpCa }, hosts: targets.names });
  });
  afterAll(() => Promise.all([squid.stop(), targets.close(), rm(dir, { recursive: true })]));

  it.concurrent.each(WAYS)(
    'interception: it is refused although the authority is trusted: %s',
    async (_what, where) => {
      const place: Place = { seen: {}, environment: {}, options: [], ...where(dir, pem) };
      const { seen, environment, options } = place;
      const theirs = targets.url('https');
      const site = await Site.make();
      try {
        // So the test can tell: what Node does by itself there takes it, and its request is read by Squid.
        expect(await bareNode(theirs, place)).toBe('authorized by Corp TLS Inspection CA');
        expect(await logOf(squid, theirs, 2)).toContain('200 GET -');

        const ours = targets.url('https');
        const proxies = [{ name: 'corp', address: '127.0.0.1', port: squid.port, default: true }];
        await site.configure({ updates: { feed_url: ours.href }, proxies });
        const { out, err } = await site.start(['check'], environment, ([node, ...args]) =>
          withReplacedFiles(seen, [node, ...options, ...args]),
        ).ended;
        expect(out + err).toContain('[TLS-INTERCEPTED]');
        expect(out + err).toContain(ISSUER);
        expect(await logOf(squid, ours)).toEqual(['200 CONNECT -']);
        expect(targets.seen(ours).requests).toBe(0);
      } finally {
        await site.remove();
      }
    },
  );

  /** A GET by Node's own TLS in that place, which trusts what the machine trusts. */
  async function bareNode(url: URL, { seen, environment, options }: Place): Promise<string> {
    const trusting = options.length === 0 ? ['--use-system-ca'] : options;
    const { command, args } = withReplacedFiles(seen, [
      process.execPath,
      ...trusting,
      '--eval',
      outsider(squid.port, url.host),
    ]);
    const env = { PATH: process.env['PATH'], ...environment };
    return (await promisify(execFile)(command, args, { env })).stdout;
  }
});

function exempt(protocol: Protocol): string {
  return `exempt-${protocol}.cells.test`;
}

function outsider(proxyPort: number, authority: string): string {
  return `
    const { request } = require('node:http');
    const { connect } = require('node:tls');
    const asked = request({ host: '127.0.0.1', port: ${proxyPort}, method: 'CONNECT', path: '${authority}' }).end();
    asked.once('connect', (_answer, socket) => {
      const theirs = connect({ socket, servername: '${authority}'.split(':')[0] }, () => {
        const issuer = theirs.getPeerCertificate().issuer.CN;
        process.stdout.write((theirs.authorized ? 'authorized' : 'not authorized') + ' by ' + issuer);
        theirs.write('GET / HTTP/1.1\\r\\nHost: ${authority}\\r\\nConnection: close\\r\\n\\r\\n');
        theirs.resume();
      });
    });
  `;
}
