/**
 * Situations that an admin meets behind a proxy, each provoked over real connections: its code, and that sentence and
 * advice name what an admin needs. Numbers are those of the table that the wording follows (1 to 4, 6 to 18, 20, 30).
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { problemLine } from '#config/problem.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { CredentialGuard } from '#proxy/auth/credential-guard.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { createCa, type KeyPair } from '#test/support/certificates.ts';
import { ConfigFolder } from '#test/support/config-file.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { type FaultProxy, honest, type Script, says, startFaultProxy } from '#test/support/fault-proxy.ts';
import { challengeMessage } from '#test/support/ntlm-verifier.ts';
import { profile, type TestRouter, type TestRouterOptions, testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const plain = { bulk: false, signal: new AbortController().signal };
const TARGET = new URL('https://updates.example.com/');
const OTHER_PORT = new URL('https://updates.example.com:8443/');
const ca = createCa();
const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };

let origin: TlsOrigin;
beforeAll(async () => {
  origin = await startTlsOrigin(ca.issue());
});
afterAll(() => origin.close());

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
});

async function proxySaying(script: Script, greeting?: string): Promise<FaultProxy> {
  const proxy = await startFaultProxy(script, greeting);
  closing.push(proxy);
  return proxy;
}

interface Setup extends TestRouterOptions {
  readonly account?: Parameters<typeof profile>[1];
  readonly corp?: Partial<ProxyProfile>;
  readonly greeting?: string;
}

async function behind(script: Script, { account, corp = {}, greeting, ...router }: Setup = {}): Promise<TestRouter> {
  const { port } = await proxySaying(script, greeting);
  return testRouter({ proxies: [{ ...profile(port, account), ...corp }], trust, ...router });
}

async function failureOf(router: TestRouter, target: URL = TARGET): Promise<CodedError> {
  const opened = router.route('updates', target).open(plain);
  return await opened.then(
    () => Promise.reject(new Error('it went well')),
    (error: CodedError) => error,
  );
}

/** Answers a request head; the connection stays open where the answer does not say otherwise. */
function answer(status: string, fields: readonly string[] = [], body = ''): string {
  return [`HTTP/1.1 ${status}`, ...fields, `Content-Length: ${Buffer.byteLength(body)}`, '', body].join('\r\n');
}

const asks = (...challenges: string[]) =>
  answer('407 Proxy Authentication Required', [
    ...challenges.map((challenge) => `Proxy-Authenticate: ${challenge}`),
    'Connection: close',
  ]);
const DENIED = answer('403 Forbidden', ['X-Squid-Error: ERR_ACCESS_DENIED 0', 'Connection: close']);

async function closedPort(): Promise<number> {
  const proxy = await startFaultProxy(() => {});
  await proxy.close();
  return proxy.port;
}

/** The clock is fast: an expected event has not occurred by the time it ends. */
function impatientClock(): Clock {
  let passed = 0;
  return {
    ...systemClock,
    monotonic: () => passed,
    after(ms, callback) {
      queueMicrotask(() => {
        passed += ms;
        callback();
      });
      return { cancel() {}, restart() {} };
    },
  };
}

async function anOrigin(pair: KeyPair): Promise<TlsOrigin> {
  const other = await startTlsOrigin(pair);
  closing.push(other);
  return other;
}

/** What is expected of each: what provokes it, its code, and what its text has to name. */
type Situation = readonly [
  number: number,
  what: string,
  provoke: () => Promise<CodedError>,
  code: string,
  names: readonly (string | RegExp)[],
];

const ACCOUNT = { user: 'svc_upd', password: 'open sesame', domain: 'CORP' };

const SITUATIONS: readonly Situation[] = [
  [
    1,
    'the name of the proxy is misspelt',
    () => failureOf(testRouter({ proxies: [{ ...profile(3128), address: 'prxoy.invalid' }] })),
    'DNS-PROXY',
    [
      'proxy host prxoy.invalid',
      /\((?:ENOTFOUND|EAI_AGAIN); name servers \S+/,
      'Check the spelling of the address of proxy corp',
    ],
  ],
  [
    2,
    'the outer DNS is blocked and no proxy is configured',
    () => failureOf(testRouter(), new URL('https://updates.invalid/')),
    'DNS-TARGET',
    [
      'Cannot resolve updates.invalid on this host',
      'no proxy is used',
      'In a network with a proxy this is normal: configure the proxy',
    ],
  ],
  [
    3,
    'nothing listens at the port',
    async () => failureOf(testRouter({ proxies: [profile(await closedPort())] })),
    'TCP-REFUSED',
    [/127\.0\.0\.1 refused port \d+ after .*ms/, 'the host is up, nothing listens there', '3128, 8080 and 80'],
  ],
  [
    4,
    'a firewall drops it',
    () => failureOf(testRouter({ proxies: [profile(3128)], clock: impatientClock() })),
    'TCP-TIMEOUT',
    [
      'No response from 127.0.0.1:3128 within 15 s',
      'connect_timeout_ms',
      /connecting from \S+/,
      'A firewall may be dropping the packets, or the address is wrong',
    ],
  ],
  [
    6,
    'an SSH server listens at the port',
    async () => failureOf(await behind(() => {}, { greeting: 'SSH-2.0-OpenSSH_9.2\r\n' })),
    'NOT-A-PROXY',
    ['answered CONNECT updates.example.com:443 with', 'SSH-2.0-OpenSSH_9.2', 'not a forward proxy'],
  ],
  [
    6,
    'a web server listens at the port',
    async () => failureOf(await behind(says(answer('405 Not Allowed', ['Server: nginx'])))),
    'NOT-A-PROXY',
    ['with "405 Not Allowed"', 'not a forward proxy', 'Check address and port'],
  ],
  [
    7,
    'a plain port is used with TLS',
    async () => failureOf(await behind(() => {}, { corp: { scheme: 'https' }, greeting: 'HTTP/1.1 400 No\r\n\r\n' })),
    'PROXY-SCHEME',
    [
      /Port \d+ of proxy corp speaks no TLS/,
      'Set scheme: http for proxy corp',
      'TLS to the servers inside its tunnels is not affected',
    ],
  ],
  [
    7,
    'a TLS port is used without TLS',
    async () => failureOf(await behind(says('\u0015\u0003\u0001\u0000\u0002\u0002\u0046'))),
    'PROXY-SCHEME',
    [/Port \d+ of proxy corp speaks TLS/, 'a TLS record', 'Set scheme: https for proxy corp'],
  ],
  [
    8,
    'it requires a user, and none is set',
    async () => failureOf(await behind(says(asks('NTLM', 'Basic realm="CORP"')))),
    'AUTH-REQUIRED',
    ['(NTLM, Basic, realm CORP)', '(authentication: transparent)', 'Set authentication, user and password'],
  ],
  [
    9,
    'it refuses user and password',
    async () => failureOf(await behind(says(asks('Basic realm="CORP"')), { account: ACCOUNT })),
    'AUTH-REJECTED',
    ['refused user CORP\\svc_upd (Basic)', 'Tried once; not retrying, to avoid account lockout'],
  ],
  [
    10,
    'it offers only NTLM and Negotiate',
    async () => failureOf(await behind(says(asks('Negotiate', 'NTLM')), { account: ACCOUNT })),
    'AUTH-SCHEME',
    ['offers Negotiate, NTLM', 'sets its authentication to basic', 'ask the proxy team for an exemption'],
  ],
  [
    11,
    'it closes the connection between the messages of NTLM',
    async () => {
      const challenge = asks(`NTLM ${challengeMessage().toString('base64')}`);
      return failureOf(await behind(says(challenge), { account: { ...ACCOUNT, authentication: 'ntlm' } }));
    },
    'NTLM-CONN',
    ['it closed the connection with its challenge', 'need the same connection', 'persistent connections'],
  ],
  [
    12,
    'the domain is missing',
    async () => {
      const account = { user: 'svc', password: 'open sesame' };
      return failureOf(await behind(says(asks('NTLM', 'Basic realm="CORP"')), { account }));
    },
    'AUTH-DOMAIN',
    [
      'refused user svc (Basic). The user has no domain',
      'NTLM, Basic',
      'Set the key domain of proxy corp',
      'DOMAIN\\svc',
    ],
  ],
  [
    14,
    'a password that had worked for months no longer works',
    async () => {
      const clock = new FakeClock(Date.parse('2026-08-20T23:55:00Z'));
      let expired = false;
      const script: Script = (client, head, earlier) => {
        if (expired) client.end(asks('Basic realm="CORP"'));
        else honest(origin.port)(client, head, earlier);
      };
      const router = await behind(script, { account: ACCOUNT, credentialGuard: new CredentialGuard({ clock }) });
      (await router.route('updates', TARGET).open(plain)).release();
      clock.advance(92 * 86_400_000);
      (await router.route('updates', TARGET).open(plain)).release();
      clock.advance(2 * 3_600_000);
      expired = true;
      return failureOf(router);
    },
    'AUTH-REJECTED',
    [/since 2026-11-2\dT/, /it worked until 2026-11-2\dT.*, for 92 days/, 'they may have expired'],
  ],
  [
    15,
    'it does not allow the target',
    async () => failureOf(await behind(says(DENIED))),
    'POLICY-DENIED',
    ['refused updates.example.com:443 (403, ERR_ACCESS_DENIED)', 'Ask the proxy team to allow updates.example.com:443'],
  ],
  [
    16,
    'it opens tunnels only to port 443',
    async () => {
      const router = await behind((client, head, earlier) => {
        if (head.startsWith('CONNECT updates.example.com:443 ')) honest(origin.port)(client, head, earlier);
        else client.end(DENIED);
      });
      (await router.route('updates', TARGET).open(plain)).release();
      return failureOf(router, OTHER_PORT);
    },
    'POLICY-PORT',
    ['refused updates.example.com:8443 (403, ERR_ACCESS_DENIED)', 'although it has opened tunnels to port 443 before'],
  ],
  [
    17,
    'it accepted user and password and cannot reach the target',
    async () => {
      const page =
        '<html><head><title>ERROR: cannot be retrieved</title></head><body>Connection to x failed.</body></html>';
      const unreachable = answer('503 Service Unavailable', ['X-Squid-Error: ERR_CONNECT_FAIL 111'], page);
      return failureOf(await behind(says(unreachable), { account: ACCOUNT }));
    },
    'PROXY-UPSTREAM',
    [
      'cannot reach updates.example.com:443 (503, ERR_CONNECT_FAIL)',
      'the credentials are correct',
      'its DNS or a firewall',
    ],
  ],
  [
    18,
    'it intercepts TLS',
    async () => {
      const bump = await anOrigin(createCa('Corp TLS Inspection CA').issue());
      const failure = await failureOf(await behind(honest(bump.port)));
      expect(bump.requests).toEqual([]);
      return failure;
    },
    'TLS-INTERCEPTED',
    [
      'certificate for updates.example.com was issued by "O=Test Inspect, CN=Corp TLS Inspection CA"',
      'expected: a CA in updates.ca_file',
      'By default, this (SSL bridging) is refused.',
      'Ask the proxy team for a bypass for updates.example.com:443',
    ],
  ],
  [
    20,
    'the clock of this host is in 2019',
    async () => {
      // OpenSSL goes by the real clock, so the certificate is one of the far future, and the proxy lives there.
      const young = await anOrigin(ca.issue({ notBefore: '20990101000000Z' }));
      const dated = 'HTTP/1.1 200 Connection established\r\nDate: Mon, 01 Jun 2099 12:00:00 GMT\r\n\r\n';
      const clock = { ...systemClock, now: () => Date.parse('2019-06-01T12:00:00Z') };
      return failureOf(await behind(honest(young.port, dated), { clock }));
    },
    'TLS-CLOCK',
    [
      'is not yet valid',
      'The clock of this host says 2019-06-01',
      'that of proxy corp says 2099-06-01',
      'a difference of 80 years',
    ],
  ],
  [
    20,
    'the certificate of the server has expired, and the clock of this host is right',
    async () => {
      const stale = await anOrigin(ca.issue({ notAfter: '20210101000000Z' }));
      // The time comes with the challenge, as with Squid, whose answer to a CONNECT that it grants has no header at all.
      const challenge = asks('Basic realm="CORP"').replace(
        'Connection:',
        `Date: ${new Date().toUTCString()}\r\nConnection:`,
      );
      const script: Script = (client, head, earlier) => {
        if (/^proxy-authorization:/im.test(head)) honest(stale.port)(client, head, earlier);
        else client.end(challenge);
      };
      const corp = { authentication: 'auto', allow_cleartext: true } as const;
      return failureOf(await behind(script, { account: ACCOUNT, corp }));
    },
    'TLS-EXPIRED',
    [
      'is expired',
      'to 2021-01-01',
      /The clock of this host says 20\d\d-.*, and that of proxy corp says 20\d\d-/,
      'to renew its certificate',
    ],
  ],
  [
    30,
    'every proxy of a list fails',
    async () => {
      const corp = { ...profile(await closedPort()), fallback: ['backup'] };
      const backup = { ...profile(await closedPort()), name: 'backup', default: false };
      const router = testRouter({ proxies: [corp, backup], settings: { proxy_required: true }, trust });
      // The origin is there: only the policy keeps it from being reached directly.
      const before = origin.clients.length;
      const failure = await failureOf(router, origin.url);
      expect(origin.clients).toHaveLength(before);
      return failure;
    },
    'POLICY',
    [
      'Every proxy failed',
      /127\.0\.0\.1:\d+ TCP-REFUSED, 127\.0\.0\.1:\d+ TCP-REFUSED/,
      'direct access is not attempted because proxy_required is true',
    ],
  ],
];

describe('behind a proxy where', () => {
  it.each(SITUATIONS.map(([number, what, ...rest]) => ({ number, what, rest })))(
    '($number) $what, code and facts are reported',
    async ({ rest: [provoke, code, names] }) => {
      const failure = await provoke();
      expect(failure.code).toBe(code);
      const text = `${failure.message} ${failure.check}`;
      for (const name of names) expect(text).toMatch(typeof name === 'string' ? literal(name) : name);
    },
  );
});

it('situation 2: the name of a target is never looked up here if a proxy is used', async () => {
  const router = await behind(honest(origin.port));
  const target = new URL('https://no-such-host.invalid/');
  // It reaches an origin through the proxy, so the only thing that is wrong is the name in its certificate.
  await expect(failureOf(router, target)).resolves.toMatchObject({ code: 'TLS-NAME' });
});

it.each(['@', ':', '#', '/', '?', '%'])(
  'address: a password with %s in a proxy URL is reported by key and never repeated (13)',
  async (awkward) => {
    const folder = await ConfigFolder.make();
    closing.push({ close: () => folder.remove() });
    const url = `http://svc:open${awkward}zzsesame@proxy.corp:3128`;
    const { error, problems } = await folder.refuse(
      `version: 2\nproxies: [{name: corp, address: "${url}", default: true}]\n`,
    );
    expect(error.code).toBe('CONFIG');
    const lines = problems.map((problem) => problemLine(problem)).join('\n');
    expect(lines).toContain(`proxies[0].address`);
    expect(lines).toContain(`an unescaped '${awkward}' in its password part`);
    expect(lines).toContain('address: proxy.corp and port: 3128');
    expect(lines).not.toMatch(/zzsesame|svc/);
  },
);

function literal(text: string): RegExp {
  return new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
}
