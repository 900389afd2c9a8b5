// What a round costs in connections, counted at a real TLS origin and at proxies that compute each proof themselves.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { Settings } from '#config/settings.ts';
import type { ProxyProfile } from '#proxy/profile.ts';
import { createCa } from '#test/support/certificates.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf } from '#test/support/jars.ts';
import { type ProxyLogin, startLoginProxy } from '#test/support/login-proxy.ts';
import { openRig } from '#test/support/round-rig.ts';
import { profile } from '#test/support/test-router.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';
import { acceptReceipt } from '#updates/receipts/acknowledge.ts';

const RECEIPTS = 50;
const USER = { user: 'svc', domain: 'CORP', password: 'open sesame' } as const;
const ca = createCa();
const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface Counted {
  readonly origin: TlsOrigin;
  /** Keys of the receipts, in the order in which they came. */
  readonly keys: string[];
}

/** Serves a feed without updates and accepts receipts; `after` runs once an answer was sent. */
async function startOrigin(
  after: (request: IncomingMessage, response: ServerResponse) => void = () => {},
): Promise<Counted> {
  const keys: string[] = [];
  const respond: RequestListener = (request, response) => {
    if (request.method === 'POST') keys.push(String(request.headers['idempotency-key']));
    request.resume().on('end', () => {
      response.on('finish', () => after(request, response));
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(request.method === 'GET' ? feedOf([]) : '{}');
    });
  };
  const origin = await startTlsOrigin(ca.issue(), { answer: respond });
  closing.push(() => origin.close());
  return { origin, keys };
}

async function round(feed: Counted, acknowledge: Counted, proxies: readonly ProxyProfile[] = []): Promise<string[]> {
  const parsed = testSettings('/data', {
    updates: {
      feed_url: new URL('feed.json', feed.origin.url).href,
      acknowledge_url: new URL('ack', acknowledge.origin.url).href,
    },
  });
  const settings = { ...parsed, proxies } as unknown as Settings;
  const files = new CrashingFiles();
  await files.makeDirectory('/data/packages', 0o700);
  const rig = await openRig({ files, dir: '/data', settings, updatesTls: trust });
  for (let at = 1; at <= RECEIPTS; at += 1) {
    const item = { id: `u${at}`, sha256: 'a'.repeat(64), length: 1 };
    await acceptReceipt(rig.ports, { item, outcome: 'withdrawn', elapsedMs: 0 });
  }
  await rig.round();
  return rig.codes();
}

describe(`round: a feed and ${RECEIPTS} receipts`, () => {
  it('to one origin use one TLS connection, then closed', async () => {
    const both = await startOrigin();

    expect(await round(both, both)).toEqual([]);

    expect(new Set(both.keys).size).toBe(RECEIPTS);
    expect(both.keys).toHaveLength(RECEIPTS);
    expect(both.origin.clients).toHaveLength(1);
  });

  it('to two origins use two TLS connections', async () => {
    const [feed, acknowledge] = [await startOrigin(), await startOrigin()];

    expect(await round(feed, acknowledge)).toEqual([]);

    expect(acknowledge.keys).toHaveLength(RECEIPTS);
    expect([feed.origin.clients.length, acknowledge.origin.clients.length]).toEqual([1, 1]);
  });

  it.each(['none', 'basic', 'digest', 'ntlm'] as const)(
    'with proxy scheme %s use one tunnel',
    async (login: ProxyLogin) => {
      const both = await startOrigin();
      const proxy = await startLoginProxy(login, USER, both.origin.port);
      closing.push(() => proxy.close());
      const corp = profile(proxy.port, login === 'none' ? undefined : { ...USER, authentication: login });

      expect(await round(both, both, [corp])).toEqual([]);

      expect(both.keys).toHaveLength(RECEIPTS);
      expect(proxy.counted).toMatchObject({ connections: 1, tunnels: 1 });
      expect(both.origin.clients).toHaveLength(1);
    },
  );

  it('survive a server that closes unused connections', async () => {
    const both = await startOrigin((_request, response) => response.socket?.destroy());

    expect(await round(both, both)).toEqual([]);

    expect(both.keys).toHaveLength(RECEIPTS);
    expect(new Set(both.keys).size).toBe(RECEIPTS);
  });
});
