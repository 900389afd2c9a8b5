// A change is tested with the real stages, each broken by a real proxy or server: it is discarded with its code, and
// the active settings stay.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ChangeVerdict } from '#control/change.ts';
import { applianceName } from '#platform/outcome/outcome.ts';
import { type Clock, systemClock } from '#system/clock.ts';
import { createCa } from '#test/support/certificates.ts';
import { composeIn } from '#test/support/composed.ts';
import { FAULTS, honest, type Script, startFaultProxy } from '#test/support/fault-proxy.ts';
import { feedOf } from '#test/support/jars.ts';
import { startLoginProxy } from '#test/support/login-proxy.ts';
import { scaledClock } from '#test/support/scaled-clock.ts';
import { startTlsFront } from '#test/support/tls-front.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';
import { yamlOf } from '#test/support/yaml-of.ts';

const HOST = 'updates.example.com';
const ca = createCa();
const closing: { close(): Promise<void> }[] = [];
let healthy: TlsOrigin;
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-stages-'));
  await writeFile(join(dir, 'ca.pem'), ca.cert);
  healthy = await startTlsOrigin(ca.issue(), { answer: feed });
});
afterAll(async () => {
  await healthy.close();
  await rm(dir, { recursive: true });
});
afterEach(async () => {
  for (const one of closing.splice(0)) await one.close();
});

function held<T extends { close(): Promise<void> }>(one: T): T {
  closing.push(one);
  return one;
}

const feed: RequestListener = (_request, response) => {
  response.setHeader('content-type', 'application/json');
  response.end(feedOf([]));
};
const missing: RequestListener = (_request, response) => void response.writeHead(404).end();
const blockPage: RequestListener = (_request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end('<html><title>Blocked</title></html>');
};

/** The profile of a proxy that behaves like this. */
async function behaving(script: Script): Promise<object> {
  return { port: held(await startFaultProxy(script)).port };
}

/** A proxy that leads to this origin. */
async function leadingTo(origin: TlsOrigin): Promise<object> {
  return await behaving(honest(held(origin).port));
}

async function closedPort(): Promise<number> {
  const proxy = await startFaultProxy(() => {});
  await proxy.close();
  return proxy.port;
}

/** Direct so far; the candidate is a default proxy with these keys. */
async function trying(
  corp: object,
  clock: Clock = systemClock,
  more: object = {},
): Promise<{ verdict: ChangeVerdict; how: string; isSame: boolean }> {
  const updates = { feed_url: `https://${HOST}:${healthy.port}/feed.json`, ca_file: join(dir, 'ca.pem') };
  const sections = { updates, ...more, response_timeout: { tunnel_timeout_ms: 1_000 } };
  const composed = await composeIn(sections, 'daemon', { clock });
  try {
    const file = join(composed.dir, 'sallyport.yaml');
    const before = await readFile(file, 'utf8');
    const proxies = [{ name: 'corp', address: '127.0.0.1', port: 1, default: true, ...corp }];
    const text = yamlOf({ version: 2, retry: { attempts: 1 }, ...sections, proxies });
    const asked = { text, typed: [], window_ms: 60_000, waits: false, by: 'a test' };
    const verdict = await composed.agent.tryChange(asked, () => undefined, new AbortController().signal);
    const { routes } = await composed.agent.status();
    return { verdict, how: routes[0]?.how ?? '', isSame: (await readFile(file, 'utf8')) === before };
  } finally {
    await composed.remove();
  }
}

const STAGES: readonly (readonly [stage: string, code: string, corp: () => Promise<object> | object])[] = [
  ['name', 'DNS-PROXY', () => ({ address: 'prxoy.invalid' })],
  ['connection', 'TCP-REFUSED', async () => ({ port: await closedPort() })],
  [
    'TLS to the proxy',
    'PROXY-TLS-UNTRUSTED',
    async () => {
      const proxy = held(await startFaultProxy(honest(healthy.port)));
      const front = held(await startTlsFront(createCa('Nobody knows it').issue(), proxy.port));
      return { scheme: 'https', port: front.port };
    },
  ],
  ['tunnel', 'TUNNEL-TIMEOUT', () => behaving(FAULTS.silent)],
  [
    'authentication',
    'AUTH-REJECTED',
    async () => {
      const user = { user: 'svc', password: 'right one', domain: '' };
      const { port } = held(await startLoginProxy('basic', user, healthy.port));
      return { port, authentication: 'basic', user: 'svc', password: 'wrong one' };
    },
  ],
  [
    'TLS to the server',
    'TLS-INTERCEPTED',
    async () => leadingTo(await startTlsOrigin(createCa('Corp Inspection CA').issue(), { answer: feed })),
  ],
  ['HTTP', 'ORIGIN-REFUSED', async () => leadingTo(await startTlsOrigin(ca.issue(), { answer: missing }))],
  ['content', 'FEED-NOT-JSON', async () => leadingTo(await startTlsOrigin(ca.issue(), { answer: blockPage }))],
];

describe('test candidate: a password tested elsewhere', () => {
  it('change trial: a proxy that blocks only WebSocket passes, because long polling works', async () => {
    let upgrades = 0;
    const upgrade = (_request: unknown, socket: Duplex) => {
      upgrades += 1;
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n');
    };
    const origin = await startTlsOrigin(ca.issue(), { answer: feed, upgrade });
    const platform = { url: `https://${HOST}:${healthy.port}/link`, ca_file: join(dir, 'ca.pem') };
    const { verdict } = await trying(await leadingTo(origin), systemClock, { platform });
    expect(verdict).toMatchObject({ confirmed: true, by: 'stages' });
    expect(upgrades).toBe(1);
  });

  it('is still sent to the active proxy', async () => {
    const user = { user: 'svc', password: 'the same one', domain: '' };
    const login = held(await startLoginProxy('basic', user, healthy.port));
    const updates = { feed_url: `https://${HOST}:${healthy.port}/feed.json`, ca_file: join(dir, 'ca.pem') };
    const account = { authentication: 'basic', user: user.user, password: user.password };
    const corp = { name: 'corp', address: '127.0.0.1', default: true, ...account };
    const composed = await composeIn({ updates, proxies: [{ ...corp, port: login.port }] });
    try {
      const text = yamlOf({ version: 2, updates, proxies: [{ ...corp, port: await closedPort() }] });
      const asked = { text, typed: ['proxies[0].password'], window_ms: 60_000, waits: false, by: 'a test' };
      const { signal } = new AbortController();
      const verdict = await composed.agent.tryChange(asked, () => undefined, signal);
      expect(verdict).toMatchObject({ confirmed: false, failure: { code: 'TCP-REFUSED' } });
      expect((await composed.agent.status()).credentials).toEqual([]);
      expect((await composed.agent.check(() => undefined, signal)).failure).toBeNull();
      expect(login.counted).toMatchObject({ refused: 0 });
      expect(login.counted.tunnels).toBeGreaterThan(0);
    } finally {
      await composed.remove();
    }
  });
});

describe('test candidate: a change', () => {
  it('is accepted if all real stages pass', async () => {
    const { verdict } = await trying(await behaving(honest(healthy.port)));
    expect(verdict).toEqual({
      confirmed: true,
      by: 'stages',
      failure: null,
      outcome: { kind: 'connected', name: applianceName(hostname()), address: '127.0.0.1' },
    });
  });

  it.each(STAGES)('is discarded when %s fails: %s; the active settings stay', async (_stage, code, corp) => {
    // A diagnosis waits for a silent proxy eight times.
    const clock = code === 'TUNNEL-TIMEOUT' ? scaledClock(20) : systemClock;
    const { verdict, how, isSame } = await trying(await corp(), clock);
    expect(verdict).toMatchObject({ confirmed: false, by: 'nobody', failure: { code } });
    expect({ how, isSame }).toEqual({ how: 'direct', isSame: true });
  });
});
