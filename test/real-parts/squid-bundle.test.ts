// Updates are exported through a real Squid by one host, and imported by another that has no network: its daemon runs in
// a network namespace of its own.

import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { isRoot } from '#test/support/part.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { SignedOrigin } from '#test/support/signed-origin.ts';
import { Site, type Wrap } from '#test/support/site.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';

const JAR = makeJar('u1', 400_000);
const OTHER = makeJar('u2', 4_000);
const ACKNOWLEDGE = 'http://127.0.0.1:9/acknowledge';
/** Only root may make a namespace. For other users, only the servers are stopped. */
const isolated: Wrap = ([command, ...args]) =>
  isRoot() ? { command: 'unshare', args: ['--net', command, ...args] } : { command, args };

describeWith(['squid'], 'a bundle through Squid', () => {
  let origin: SignedOrigin;
  let squid: RunningSquid;
  let vendor: Site;
  let host: Site;

  beforeEach(async () => {
    origin = await SignedOrigin.start();
    origin.validFromNow();
    const offered = [
      ['u1', JAR],
      ['u2', OTHER],
    ] as const;
    origin.offer(offered.map(([id, bytes]) => ({ item: itemFor(id, bytes, { package: id }), bytes })));
    squid = await startSquid();
    [vendor, host] = await Promise.all([Site.make(), Site.make()]);
  });
  afterEach(async () => {
    await Promise.all([vendor.remove(), host.remove(), origin.close(), squid.stop()]);
  });

  async function configure(site: Site, updates: Record<string, unknown>): Promise<void> {
    const root = await site.write('root.json', Buffer.from(origin.repository.initialRoot).toString('utf8'));
    const proxies = [{ name: 'corp', address: '127.0.0.1', port: squid.port, default: true }];
    await site.configure({ proxies, updates: { ...origin.settings(root), ...updates } });
  }

  it('bundle: it is exported, published elsewhere, the hook runs, and the receipt waits', {
    timeout: 60_000,
  }, async () => {
    await configure(vendor, {});
    await configure(host, { acknowledge_url: ACKNOWLEDGE, on_published: { command: '/usr/bin/env' } });
    expect((await vendor.run(['check'])).code).toBe(0);
    const bundle = join(vendor.dir, 'bundle.tar');
    const exported = await vendor.run(['updates', 'export', 'u1', '-o', bundle]);
    expect(exported).toMatchObject({ code: 0, out: expect.stringContaining(`Exported 1 update to ${bundle}`) });
    expect((await squid.accessLog()).join('\n')).toContain('timestamp.json');
    const before = await stat(bundle);
    const again = await vendor.run(['updates', 'export', 'u1', '-o', bundle]);
    expect(again).toMatchObject({ code: 19, err: expect.stringContaining('[FETCH-EXISTS]') });
    expect((await stat(bundle)).ino).toBe(before.ino);
    await Promise.all([origin.close(), squid.stop()]);

    const daemon = host.start(['run'], {}, isolated);
    await daemon.line('Listening for commands');
    // Two at once, while the first round still runs: one publishes, the other finds nothing to do.
    const imports = await Promise.all([1, 2].map(() => host.run(['updates', 'import', bundle, '--json'])));
    const results = imports.map(({ out }) => JSON.parse(out) as { published: string[]; failed: unknown[] });
    expect(results.map(({ published }) => published).toSorted()).toEqual([[], ['u1']]);
    expect(results.flatMap(({ failed }) => failed)).toEqual([]);
    expect((await readFile(join(host.dir, 'packages', 'u1.jar'))).equals(JAR)).toBe(true);
    expect(await daemon.line('Not on the medium')).toContain('1 update of the feed (u2)');
    // The output of the hook is in the log.
    await daemon.line('SALLYPORT_TRUST=signed');
    const queue = JSON.parse((await host.run(['queue', 'ls', '--json'])).out) as { kinds: { entries: unknown[] }[] };
    expect(queue.kinds.flatMap(({ entries }) => entries)).toHaveLength(1);
  });
});
