import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isMarkOf, pathMark } from '#daemon/uploads/path-mark.ts';
import { routeIdentity } from '#proxy/choosing/changed-routes.ts';
import { Secret } from '#redaction/secret.ts';
import { listenOnLoopback } from '#test/support/loopback.ts';
import { testSettings } from '#test/support/test-settings.ts';

const PURPOSE = 'support_logs';

let dir: string;
let pac: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'path-mark-'));
  pac = join(dir, 'proxy.pac');
  await writeFile(pac, 'one');
});
afterEach(() => rm(dir, { recursive: true, force: true }));

function settings({ password = 'one-password', url = 'https://logs.example.com/', port = 3_128, file = pac } = {}) {
  const corp = { name: 'corp', address: '10.0.0.1', port, default: true, user: 'u', password: new Secret(password) };
  const byPac = { name: 'pac', scheme: 'pac', pac: { file } };
  return {
    ...testSettings('/data', { support_logs: { enabled: true, url } }),
    proxies: [corp, byPac],
    use_proxy_for: { updates: 'none', platform: 'none', exposure_analytics: 'pac', support_logs: 'corp' },
  } as unknown as Parameters<typeof pathMark>[1];
}

describe('path mark', () => {
  it('path mark: is that of the same path, and two marks of it differ', async () => {
    const mark = await pathMark(PURPOSE, settings());
    expect(await isMarkOf(mark, PURPOSE, settings())).toBe(true);
    expect(await pathMark(PURPOSE, settings())).not.toBe(mark);
    expect(mark).toMatch(/^[0-9a-f]{32}\.[0-9a-f]{64}$/);
  });

  it.each([
    ['password', { password: 'another-password' }],
    ['URL', { url: 'https://other.example.com/' }],
    ['proxy', { port: 8_080 }],
  ])('path mark: another %s has another mark', async (_what, changed) => {
    const mark = await pathMark(PURPOSE, settings());
    expect(await isMarkOf(mark, PURPOSE, settings(changed))).toBe(false);
  });

  it('path mark: a changed PAC file has another mark, and so has a lost one', async () => {
    const mark = await pathMark('exposure_analytics', settings());
    expect(await isMarkOf(mark, 'exposure_analytics', settings())).toBe(true);
    await writeFile(pac, 'two');
    expect(await isMarkOf(mark, 'exposure_analytics', settings())).toBe(false);
    const now = await pathMark('exposure_analytics', settings());
    await rm(pac);
    expect(await isMarkOf(now, 'exposure_analytics', settings())).toBe(false);
  });

  it('path mark: the content behind pac.url is not part of it and is not requested', async () => {
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.end(`content ${requests}`);
    });
    const { port, close } = await listenOnLoopback(server);
    const { proxies, ...rest } = settings();
    const byUrl = { ...proxies[1], pac: { url: `http://127.0.0.1:${port}/proxy.pac` } };
    const remote = { ...rest, proxies: [proxies[0], byUrl] } as unknown as Parameters<typeof pathMark>[1];
    const mark = await pathMark('exposure_analytics', remote);
    expect(await isMarkOf(mark, 'exposure_analytics', remote)).toBe(true);
    await close();
    expect(requests).toBe(0);
  });

  it('path mark: what an earlier version stored is compared as it was', async () => {
    const stored = routeIdentity(PURPOSE, settings());
    expect(await isMarkOf(stored, PURPOSE, settings({ password: 'another-password' }))).toBe(true);
    expect(await isMarkOf(stored, PURPOSE, settings({ port: 8_080 }))).toBe(false);
  });
});
