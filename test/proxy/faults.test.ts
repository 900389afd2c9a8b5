// Faults of a proxy, rounds of each next to the product's own retries, and random sequences of them: every try ends
// with its code, the proxy is not hammered, and nothing is left over. The rounds of one fault are alike;
// SALLYPORT_TEST_ROUNDS runs more of them.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { createCa } from '#test/support/certificates.ts';
import { FAULTS, startFaultProxy } from '#test/support/fault-proxy.ts';
import { type Fault, FaultRounds, openSockets } from '#test/support/fault-rounds.ts';
import { rounds as repeated } from '#test/support/rounds.ts';
import { profile, testRouter } from '#test/support/test-router.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const ca = createCa();
const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };
const SECURE = new URL('https://localhost/');
const PLAIN = new URL('http://updates.example.com/');
const ACCOUNT = { user: 'svc', password: 'open sesame' };
const ATTEMPTS = 5;
/** Concurrent hosts, with four rounds each. */
const HOSTS = repeated(5);

let secure: TlsOrigin;
let open: Server;
beforeAll(async () => {
  secure = await startTlsOrigin(ca.issue());
  open = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
  await once(open, 'listening');
});
afterAll(async () => {
  await secure.close();
  open.close();
});

let rounds: FaultRounds;
afterEach(() => rounds.close());

async function behind(target: URL, of: (port: number) => ProxyProfile = profile): Promise<void> {
  const originPort = target === SECURE ? secure.port : (open.address() as AddressInfo).port;
  rounds = await FaultRounds.start({ originPort, trust, target, profile: of });
}

async function expectNothingLeft(socketsBefore: number): Promise<void> {
  await rounds.allClosed();
  // Connections closed here are counted until the loop has turned, more often on a busy machine.
  while (openSockets() > socketsBefore) await new Promise((resolve) => setImmediate(resolve));
  expect(rounds.deadlines.pending).toBe(0);
}

const basic = (port: number) => profile(port, ACCOUNT);
const digest = (port: number) => profile(port, { ...ACCOUNT, authentication: 'digest' });

/** A fault, the code of a try through CONNECT and of one in absolute form; null if it is not a fault there. */
const FAULTS_TOLD: readonly [Fault, string, string | null, ((port: number) => ProxyProfile)?][] = [
  ['silent', 'TUNNEL-TIMEOUT', 'RESPONSE-TIMEOUT'],
  ['slowHeaders', 'TUNNEL-TIMEOUT', 'RESPONSE-TIMEOUT'],
  ['closesBeforeAnswering', 'TUNNEL-CLOSED', 'CONNECTION-LOST'],
  ['resetsInTheMiddle', 'TUNNEL-CLOSED', 'CONNECTION-LOST'],
  ['closesInTheMiddle', 'TUNNEL-CLOSED', 'CONNECTION-LOST'],
  ['grantsThenSilence', 'TLS-TIMEOUT', 'RESPONSE-TIMEOUT'],
  ['gluesGarbage', 'TLS-FAILED', null],
  ['gluesAlert', 'TLS-FAILED', null],
  ['endlessInterim', 'TOO-MANY-INTERIM', 'TOO-MANY-INTERIM'],
  ['hugeHeaders', 'PROXY-PROTOCOL', 'BAD-RESPONSE'],
  ['htmlInsteadOfAReply', 'NOT-A-PROXY', 'BAD-RESPONSE'],
  ['garbage', 'NOT-A-PROXY', 'BAD-RESPONSE'],
  // In absolute form, a web server's answer counts as that of the requested server.
  ['webServer', 'NOT-A-PROXY', null],
  ['challengesWithoutChallenge', 'AUTH-REQUIRED', 'AUTH-REQUIRED'],
  ['challengesForEver', 'AUTH-REQUIRED', 'AUTH-REQUIRED'],
  ['challengesForEver', 'AUTH-REJECTED', 'AUTH-REJECTED', basic],
  ['challengesWithoutChallenge', 'AUTH-REJECTED', 'AUTH-REJECTED', basic],
  ['staleForEver', 'AUTH-STALE', 'AUTH-STALE', digest],
];

/** The tries of one round: what only a change can cure ends it, and so does success. */
function expectedTries(codes: readonly string[]): string[] {
  const last = codes.findIndex((code) => code === 'passed' || CATALOGUE[code as Code].retry !== 'later');
  return last === -1 ? [...codes] : codes.slice(0, last + 1);
}

describe('rounds with a fault', () => {
  const cases = FAULTS_TOLD.flatMap(([fault, tunnel, forward, of]) => [
    { fault, target: SECURE, code: tunnel, of },
    ...(forward === null ? [] : [{ fault, target: PLAIN, code: forward, of }]),
  ]);
  it.each(cases)('$fault at $target: each try is $code, without hammering', async (one) => {
    await behind(one.target, one.of);
    const before = openSockets();
    const patient = Array<Fault>(ATTEMPTS).fill(one.fault);
    const life = [patient, ...Array<readonly Fault[]>(3).fill([one.fault])];
    const hosts = await Promise.all(Array.from({ length: HOSTS }, () => rounds.host(life)));
    for (const { tries, busiestMinute } of hosts) {
      expect(tries).toEqual(life.map((faults) => expectedTries(faults.map(() => one.code))));
      expect(busiestMinute).toBeLessThan(10);
    }
    await expectNothingLeft(before);
  });
});

describe('proxy faults: bytes that follow a 200 to CONNECT', () => {
  it.each([
    ['gluesAlert', /handshake failure/],
    ['gluesGarbage', /wrong version number|packet length too long|http request/],
  ] as const)('reaches TLS as it is (%s)', async (fault, reason) => {
    const proxy = await startFaultProxy(FAULTS[fault]);
    const opened = testRouter({ proxies: [profile(proxy.port)], trust })
      .route('updates', SECURE)
      .open({ bulk: false, signal: new AbortController().signal });
    const facts = { reason: expect.stringMatching(reason) };
    await expect(opened).rejects.toMatchObject({ code: 'TLS-FAILED', facts });
    await proxy.close();
  });
});

describe('proxy faults: any sequence of faults', () => {
  const codes = new Map(FAULTS_TOLD.flatMap(([fault, code, , of]) => (of === undefined ? [[fault, code]] : [])));
  codes.set('staleForEver', 'AUTH-REQUIRED').set('none', 'passed');
  const round = fc.array(fc.constantFrom(...([...codes.keys()] as Fault[])), { minLength: 1, maxLength: ATTEMPTS });
  const life = fc.record({
    life: fc.array(round, { minLength: 1, maxLength: 4 }),
    chance: fc.constantFrom(0, 0.3, 0.999),
  });

  it('with concurrent hosts: each try has its code, without hammering or leftovers', async () => {
    await behind(SECURE);
    const before = openSockets();
    await fc.assert(
      fc.asyncProperty(fc.array(life, { minLength: 1, maxLength: 8 }), async (lives) => {
        const hosts = await Promise.all(lives.map((one) => rounds.host(one.life, () => one.chance)));
        for (const [at, host] of hosts.entries()) {
          const met = lives[at]?.life ?? [];
          expect(host.tries).toEqual(met.map((faults) => expectedTries(faults.map((fault) => codes.get(fault) ?? ''))));
          expect(host.busiestMinute).toBeLessThan(10);
        }
      }),
      { numRuns: repeated(8) },
    );
    await expectNothingLeft(before);
  }, 120_000);
});
