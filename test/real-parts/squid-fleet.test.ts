/**
 * Many hosts behind one Squid that caches, over plain http, as docs/trust.md configures it: what the server of the vendor gets of
 * them, and how they learn of a release.
 */
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { startOrigin } from '#origin/server.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { feedCommands } from '#test/support/feed-commands.ts';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { openRig, type Rig, type RigOptions } from '#test/support/round-rig.ts';
import { SIGNED_CLOCK, SignedOrigin } from '#test/support/signed-origin.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { testSettings } from '#test/support/test-settings.ts';

const ROOT = '/etc/root.json';
const HOSTS = 200;
/** Hosts that check at the same time during an hour in which each host checks once, as it does at most by default. */
const AT_ONCE = 20;
/** `max-age` of the timestamp, in seconds: docs/trust.md advises 60, and the hour of this test takes at most two minutes. */
const MAX_AGE = 2;
const MAX_AGES = 60;
const CACHE = [
  'collapsed_forwarding on',
  'maximum_object_size_in_memory 4 MB',
  'maximum_object_size 4 MB',
  'minimum_expiry_time 0 seconds',
];

interface Agent {
  readonly rig: Rig;
  readonly files: CrashingFiles;
}

describeWith(['squid'], 'hosts behind a Squid that caches', () => {
  const opened: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  });

  async function cache(): Promise<RunningSquid> {
    const squid = await startSquid({ caches: true, extra: CACHE });
    opened.push(() => squid.stop());
    return squid;
  }

  async function agent(
    { port }: RunningSquid,
    feed: {
      readonly root: Uint8Array;
      readonly updates: Record<string, unknown>;
      readonly clock?: RigOptions['clock'];
    },
  ): Promise<Agent> {
    const files = new CrashingFiles();
    files.plantFile(ROOT, Buffer.from(feed.root));
    const proxies = [{ name: 'corp', address: '127.0.0.1', port, default: true }];
    const settings = testSettings('/data', { proxies, updates: feed.updates });
    const { clock } = feed;
    return { files, rig: await openRig({ files, dir: '/data', settings, ...(clock === undefined ? {} : { clock }) }) };
  }

  it('fleet: 200 hosts cost the server one request for each file, and 60 for its timestamp', async () => {
    const origin = await SignedOrigin.start();
    opened.push(() => origin.close());
    origin.cacheControl = (name) =>
      name === 'timestamp.json' ? `max-age=${MAX_AGE}` : 'public, max-age=604800, immutable';
    const packages = ['1602503', '1602504'].map((id) => {
      const bytes = makeJar(id, 20_000);
      return { item: itemFor(id, bytes), bytes };
    });
    origin.offer(packages.slice(0, 1));
    const squid = await cache();
    const feed = { root: origin.repository.initialRoot, updates: origin.settings(ROOT), clock: SIGNED_CLOCK };
    const fleet = await Promise.all(Array.from({ length: HOSTS }, () => agent(squid, feed)));

    let checks = 0;
    const check = async (agents: readonly Agent[]) => {
      checks += agents.length;
      const reports = await Promise.all(agents.map(({ rig }) => rig.round()));
      expect(reports.flatMap(({ error }) => error ?? [])).toEqual([]);
    };
    const withPackages = (count: number) =>
      fleet.filter(({ files }) => files.names().filter((name) => name.endsWith('.jar')).length === count);

    // All at once, as after a power cut.
    await check(fleet);
    expect(withPackages(1)).toHaveLength(HOSTS);
    origin.offer(packages);
    for (let at = 0; at < HOSTS; at += AT_ONCE) await check(fleet.slice(at, at + AT_ONCE));
    // The first ones may have got the previous timestamp, which was still fresh.
    await delay(MAX_AGE * 1_000);
    await check(withPackages(1));
    expect(withPackages(2)).toHaveLength(HOSTS);

    // A new root is looked for at the server itself. In absolute form, a second request must say the same.
    const isRoot = (line: string) => line.includes('2.root.json');
    expect(origin.asked.filter(isRoot).length).toBe(2 * checks);
    const files = origin.asked.filter((line) => !isRoot(line) && !line.includes('/timestamp.json'));
    expect(files.toSorted()).toEqual([...new Set(files)].toSorted());
    expect(files.filter((line) => line.endsWith('.jar'))).toHaveLength(2);
    // Squid lets a few requests through while it revalidates. Without it, there would be 400.
    expect(origin.asked.filter((line) => line.includes('/timestamp.json')).length).toBeLessThanOrEqual(MAX_AGES);
  }, 120_000);

  it('feed build: its repository is read through a cache that asks for the timestamp again', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'sallyport-fleet-'));
    opened.push(() => rm(dir, { recursive: true, force: true }));
    const at = (name: string) => join(dir, name);
    const feed = await feedCommands(dir);
    await mkdir(at('updates'));
    await writeFile(at('updates/1602503.jar'), makeJar('1602503', 3_000));
    for (const key of ['ada', 'bob', 'online']) await feed('keys', 'make', key);
    const roles = ['--root', 'ada', 'bob', '--targets', 'ada', '--snapshot', 'online', '--timestamp', 'online'];
    await feed('rotate', '--tuf', '@repository', '--draft', '@root.draft.json', ...roles);
    await feed('sign', '@root.draft.json', '--tuf', '@repository', '--yes');
    await feed('build', '@updates', '--tuf', '@repository');
    const answered: string[] = [];
    const origin = await startOrigin({
      dir: at('repository'),
      onAnswered: ({ target, status }) => void answered.push(`${status} ${target.replace(/^.*\//, '')}`),
    });
    opened.push(() => origin.close());
    const squid = await cache();
    const root = await readFile(at('repository/metadata/1.root.json'));
    const updates = { trust: 'tuf', tuf: { metadata_url: `${origin.url}/metadata/`, root_file: ROOT } };
    const [one, other] = [await agent(squid, { root, updates }), await agent(squid, { root, updates })];

    expect(await one.rig.round()).toMatchObject({ error: null, published: ['1602503'] });
    answered.length = 0;
    expect(await other.rig.round()).toMatchObject({ error: null, published: ['1602503'] });
    expect(answered).toEqual(['404 2.root.json', '404 2.root.json', '304 timestamp.json']);

    await writeFile(at('updates/1602504.jar'), makeJar('1602504', 3_000));
    await feed('build', '@updates', '--tuf', '@repository');
    answered.length = 0;
    expect(await one.rig.round()).toMatchObject({ error: null, published: ['1602504'] });
    expect(answered).toContain('200 timestamp.json');
    expect(answered.filter((line) => line.includes('1602503'))).toEqual([]);
  }, 120_000);
});
