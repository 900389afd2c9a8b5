// `sallyport endpoints`: without a daemon it reads the file and the state folder, and creates
// nothing.

import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { endpointListSchema } from '#control/endpoints.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { Site } from '#test/support/site.ts';

let origin: ScriptedOrigin;
let site: Site;
beforeEach(async () => {
  origin = await startScriptedOrigin();
  site = await Site.make();
});
afterEach(async () => {
  await site.remove();
  await origin.close();
});

async function ask(): Promise<{ readonly list: ReturnType<typeof endpointListSchema.parse>; readonly err: string }> {
  const { code, out, err } = await site.run(['endpoints', '--json']);
  expect(code).toBe(0);
  return { list: endpointListSchema.parse(JSON.parse(out)), err };
}

it('endpoints: without daemon and credentials, reads the file and creates nothing', async () => {
  const password = { credential: 'proxy-password' };
  await site.configure({
    updates: { feed_url: 'https://updates.example.com/feed.json' },
    proxies: [
      { name: 'corp', address: 'proxy.example.com', default: true, authentication: 'basic', user: 'svc', password },
    ],
  });
  const before = await readdir(site.dir);

  const { list, err } = await ask();

  expect(err).toBe('');
  expect(list).toMatchObject({ source: 'file', config: site.config, seen_only: [] });
  expect(list.endpoints.map(({ use, host, port }) => `${use} ${host}:${port}`)).toEqual([
    'feed updates.example.com:443',
    'packages updates.example.com:443',
  ]);
  expect(await readdir(site.dir)).toEqual(before);
  const acl = await site.run(['endpoints', '--squid-acl']);
  expect(acl.out).toContain('acl sallyport_443_hosts dstdomain -n updates.example.com\n');
});

it('endpoints: shows hosts named in a round, from the daemon and after it ended', async () => {
  await site.configure({ updates: { feed_url: `${origin.url}/feed.json` } });
  const item = { ...itemFor('1602503', makeJar('1602503', 1_000)), file: undefined, url: 'https://cdn.example.com/x' };
  origin.serve('/feed.json', feedOf([item]), 'application/json');
  const daemon = site.start(['run']);
  await daemon.line('URL-FOREIGN');
  await daemon.line('Next check');

  const running = await ask();
  expect(running.err).toContain('Using the daemon');
  expect(running.list).toMatchObject({
    source: 'daemon',
    seen_only: [{ host: 'cdn.example.com', port: 443, by: 'feed', code: 'URL-FOREIGN' }],
  });

  daemon.child.kill('SIGTERM');
  await daemon.ended;
  const { mtimeMs } = await stat(join(site.dir, 'state'));
  const { list } = await ask();
  expect(list).toMatchObject({ source: 'file', seen_only: running.list.seen_only });
  expect((await stat(join(site.dir, 'state'))).mtimeMs).toBe(mtimeMs);
});

it('endpoints: exits with 78 for an invalid file, and with 64 for two formats', async () => {
  await site.configure({ updates: { feed_url: 'ftp://updates.example.com/' } });
  expect((await site.run(['endpoints'])).code).toBe(78);
  expect((await site.run(['endpoints', '--json', '--squid-acl'])).code).toBe(64);
});
