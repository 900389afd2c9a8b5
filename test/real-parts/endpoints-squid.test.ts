// A real Squid that has nothing but the lines of `endpoints --squid-acl`: it takes them without a word, lets the work
// through, and refuses every neighbor of it.

import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Settings } from '#config/settings.ts';
import { squidLines } from '#control/text/endpoints-squid.ts';
import { listEndpoints } from '#daemon/answers/endpoints.ts';
import { Secret } from '#redaction/secret.ts';
import { realFiles } from '#system/real-files.ts';
import { createCa } from '#test/support/certificates.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { describeWith, squid as squidParts } from '#test/support/real-parts.ts';
import { openRig } from '#test/support/round-rig.ts';
import { type RunningSquid, type SquidOptions, startSquid } from '#test/support/squid.ts';
import { get, profile, testRouter } from '#test/support/test-router.ts';
import { testSettings } from '#test/support/test-settings.ts';
import { startTlsOrigin, type TlsOrigin } from '#test/support/tls-origin.ts';

const JAR = makeJar('1602503', 40_000);
const NAMES = ['updates.example.com', 'cdn.example.com', 'neighbour.example.com'];
const USER = { user: 'svc_update', password: 'open sesame' };
const ca = createCa();
const trust = { ca: { key: 'updates.ca_file', path: '/ca.pem', pem: ca.cert } };
const plain = { bulk: false, signal: new AbortController().signal };

/** The feed, its package at another host, and a place for receipts. */
function answer(packageUrl: () => string): RequestListener {
  return (request, response) => {
    if (request.method === 'POST') response.writeHead(201).end();
    else if (request.url === '/feed.json')
      response
        .setHeader('content-type', 'application/json')
        .end(feedOf([{ ...itemFor('1602503', JAR), file: undefined, url: packageUrl() }]));
    else response.setHeader('content-length', JAR.length).end(JAR);
  };
}

function aclOf(settings: Settings): string[] {
  const about = { observedHosts: [], now: 0, version: '0.1.0', config: '/etc/sallyport/sallyport.yaml' };
  return squidLines(listEndpoints({ ...about, settings, source: 'file', placeOf: () => null }));
}

describeWith(['squid'], 'the ACL for Squid', () => {
  let secure: TlsOrigin;
  let clear: Server;
  let clearPort: number;
  let dir: string;
  let squid: RunningSquid | undefined;

  beforeAll(async () => {
    const pair = ca.issue({ names: 'DNS:*.example.com,IP:127.0.0.1' });
    secure = await startTlsOrigin(pair, { answer: answer(() => `https://cdn.example.com:${secure.port}/1602503.jar`) });
    clear = createServer(answer(() => `http://127.0.0.1:${clearPort}/1602503.jar`)).listen(0, '127.0.0.1');
    await new Promise((resolve) => clear.once('listening', resolve));
    clearPort = (clear.address() as AddressInfo).port;
  });
  afterAll(async () => {
    await secure.close();
    clear.close();
  });
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'sallyport-acl-'));
  });
  afterEach(async () => {
    await squid?.stop();
    squid = undefined;
    rmSync(dir, { recursive: true, force: true });
  });

  function settingsBehind(port: number, where: 'secure' | 'clear', corp: Record<string, unknown> = {}): Settings {
    const updates =
      where === 'secure'
        ? {
            feed_url: `https://updates.example.com:${secure.port}/feed.json`,
            acknowledge_url: `https://updates.example.com:${secure.port}/acknowledge`,
            allowed_origins: [`https://cdn.example.com:${secure.port}`],
          }
        : {
            feed_url: `http://127.0.0.1:${clearPort}/feed.json`,
            acknowledge_url: `http://127.0.0.1:${clearPort}/acknowledge`,
          };
    const settings = testSettings(dir, {
      updates,
      proxies: [{ name: 'corp', address: '127.0.0.1', port, default: true, ...corp }],
    });
    for (const one of settings.proxies) if (one.user !== undefined) one.password = new Secret(USER.password);
    return settings;
  }

  async function start(acl: readonly string[], options: SquidOptions = {}): Promise<number> {
    squid = await startSquid({ acl, hosts: NAMES, ...options });
    return squid.port;
  }

  async function round(settings: Settings) {
    const rig = await openRig({ files: realFiles, dir, settings, updatesTls: trust });
    const { error, published, failed } = await rig.round();
    return { error: error?.code ?? null, published, failed: failed.map((one) => one.error.code) };
  }

  /** What comes of asking for it: a status, or the code of the failure. */
  async function ask(url: string): Promise<unknown> {
    const router = testRouter({ proxies: [profile(squid?.port ?? 0)], trust });
    const target = new URL(url);
    const asked = router
      .route('updates', target)
      .open(plain)
      .then((connection) => get(connection, target));
    return await asked.then(
      ({ status }) => status,
      (error: { code: string }) => error.code,
    );
  }

  it('ACL for Squid: squid -k parse accepts it without warnings, also with lines for ssl_bump', () => {
    const all = [...aclOf(settingsBehind(3_128, 'secure')), ...aclOf(settingsBehind(3_128, 'clear'))];
    const v6 = testSettings(dir, { updates: { feed_url: 'https://[2001:db8::1]/' }, proxies: [profile(3_128)] });
    for (const lines of [all.map(uncommented), aclOf(v6)]) {
      const file = join(dir, 'squid.conf');
      writeFileSync(file, ['http_port 127.0.0.1:1', ...lines, 'http_access deny all', ''].join('\n'));
      const parsed = spawnSync(squidParts?.binary ?? '', ['-k', 'parse', '-f', file], {
        encoding: 'utf8',
        env: { ...process.env, LD_LIBRARY_PATH: squidParts?.libraryPath ?? '' },
      });
      expect(parsed.stderr).toContain('http_access deny all');
      expect({ status: parsed.status, stderr: parsed.stderr }).toMatchObject({
        status: 0,
        stderr: expect.not.stringMatching(/FATAL|ERROR|WARNING|not found|ignor/i),
      });
    }
  });

  it('ACL for Squid: it allows a round over TLS and no other name, port, method or address', async () => {
    const settings = settingsBehind(await start(aclOf(settingsBehind(1, 'secure'))), 'secure');

    expect(await round(settings)).toEqual({ error: null, published: ['1602503'], failed: [] });

    expect(await ask(`https://updates.example.com:${secure.port}/feed.json`)).toBe(200);
    expect(await ask(`https://neighbour.example.com:${secure.port}/`)).toBe('POLICY-DENIED');
    expect(await ask(`https://updates.example.com:${clearPort}/`)).toBe('POLICY-DENIED');
    expect(await ask(`http://updates.example.com:${secure.port}/`)).toBe('POLICY-DENIED');
    expect(await ask(`http://updates.example.com:${clearPort}/`)).toBe('POLICY-DENIED');
    expect(await ask(`https://127.0.0.1:${secure.port}/`)).toBe('POLICY-DENIED');
  });

  it('ACL for Squid: an address whose reverse name is allowed is not allowed', async () => {
    chmodSync(dir, 0o755);
    writeFileSync(join(dir, 'hosts'), '127.0.0.9 updates.example.com\n');
    await start(aclOf(settingsBehind(1, 'secure')), { extra: [`hosts_file ${join(dir, 'hosts')}`] });
    expect(await ask(`https://127.0.0.9:${secure.port}/`)).toBe('POLICY-DENIED');
  });

  it('lets a round in the clear through, and no other name, port or tunnel', async () => {
    const settings = settingsBehind(await start(aclOf(settingsBehind(1, 'clear'))), 'clear');

    expect(await round(settings)).toEqual({ error: null, published: ['1602503'], failed: [] });

    expect(await ask(`http://neighbour.example.com:${clearPort}/`)).toBe('POLICY-DENIED');
    expect(await ask(`http://127.0.0.1:${secure.port}/`)).toBe('POLICY-DENIED');
    expect(await ask(`https://127.0.0.1:${clearPort}/`)).toBe('POLICY-DENIED');
  });

  it('ACL for Squid: it allows a round over plain HTTP with Digest', async () => {
    const corp = { authentication: 'digest', user: USER.user, password: { env: 'NEVER_READ' } };
    const asking = aclOf(settingsBehind(1, 'clear', corp)).map((line) =>
      line.startsWith('http_access allow') ? `${line} authenticated` : line,
    );
    const port = await start(asking, { digest: USER });

    expect(await round(settingsBehind(port, 'clear', corp))).toEqual({
      error: null,
      published: ['1602503'],
      failed: [],
    });
    expect((await squid?.accessLog(1, 'HEAD'))?.[0]).toMatch(/^407 HEAD /);
  });

  it('ACL for Squid: with the lines for ssl_bump, Squid intercepts none of the tunnels', async () => {
    const bump = { ca: createCa('Corp TLS Inspection CA') };
    const acl = aclOf(settingsBehind(1, 'secure'));

    expect(await round(settingsBehind(await start(acl, { bump }), 'secure'))).toMatchObject({
      error: 'TLS-INTERCEPTED',
    });

    await squid?.stop();
    const settings = settingsBehind(await start(acl.map(uncommented), { bump }), 'secure');
    expect(await round(settings)).toEqual({ error: null, published: ['1602503'], failed: [] });
  });
});

/** The lines for ssl_bump are comments, because not every Squid knows it. */
function uncommented(line: string): string {
  return line.replace(/^# +(?=ssl_bump )/, '');
}
