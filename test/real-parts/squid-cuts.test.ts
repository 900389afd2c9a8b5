// A package through a real Squid and a relay that cuts connections: the bytes at the relay, and what a resume requests.
//
// The package has 24 MB. SALLYPORT_TEST_PACKAGE_MB=200 runs the full size, with cuts after 10 MB and 5 s, and prints the
// counted bytes.

import { createCipheriv } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { zipSync } from 'fflate';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { realFiles } from '#system/real-files.ts';
import { type BadPath, startBadPath } from '#test/support/bad-path.ts';
import { composeIn } from '#test/support/composed.ts';
import { type PackageServer, startPackageServer } from '#test/support/package-server.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { openRig } from '#test/support/round-rig.ts';
import { startSallyport, writeConfig } from '#test/support/sallyport-process.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { testSettings } from '#test/support/test-settings.ts';

const MB = 1_000_000;
const SIZE_MB = Number(process.env['SALLYPORT_TEST_PACKAGE_MB'] ?? 24);
const CUT_BYTES = (SIZE_MB * MB) / 20;
const CUT_MS = SIZE_MB * 25;
/** A package of 200 MB takes 25 s at this rate. */
const RATE = 8 * MB;
const IS_FULL = SIZE_MB >= 200;
const KILL_MS = IS_FULL ? 2_000 : 600;
const MAX_LOST_A_KILL = 2 * 1_048_576;

function print(what: string, passed: number, size: number): void {
  if (!IS_FULL) return;
  process.stderr.write(`${what}: ${passed} bytes for ${size} (${((100 * passed) / size - 100).toFixed(3)} % more)\n`);
}

/** A stored archive that no proxy can compress. */
function bigJar(): Buffer {
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16));
  return Buffer.from(zipSync({ 'content.bin': stream.update(Buffer.alloc(SIZE_MB * MB)) }, { level: 0 }));
}

describeWith(['squid'], 'a package through Squid and a relay', () => {
  let jar: Buffer;
  let server: PackageServer;
  let squid: RunningSquid;
  let dir: string;
  const opened: BadPath[] = [];

  beforeAll(async () => {
    jar = bigJar();
    server = await startPackageServer({ jar });
    squid = await startSquid({ extra: ['acl capped urlpath_regex ^/capped/', 'reply_body_max_size 4 MB capped'] });
  }, 120_000);
  afterAll(async () => {
    await squid.stop();
    await server.close();
  });
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-cuts-'));
  });
  afterEach(async () => {
    for (const relay of opened.splice(0)) await relay.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function relayOf(options: Omit<Parameters<typeof startBadPath>[0], 'targetPort'>): Promise<BadPath> {
    const relay = await startBadPath({ targetPort: squid.port, ...options });
    opened.push(relay);
    return relay;
  }

  const feedUrl = (path = '') => `http://127.0.0.1:${server.port}${path}/feed.json`;

  function rigBehind(port: number, path?: string) {
    const settings = testSettings(dir, {
      updates: { feed_url: feedUrl(path) },
      proxies: [{ name: 'corp', address: '127.0.0.1', port, default: true }],
      retry: { attempts: 3 },
    });
    return openRig({ files: realFiles, dir, settings });
  }

  const isPublished = async () => (await readFile(join(dir, 'packages', 'u1.jar'))).equals(jar);

  it.each([
    ['after a 20th of it', { cutAfterBytes: CUT_BYTES }],
    ['after a time', { cutAfterMs: CUT_MS, rate: RATE }],
  ])(
    'cuts: a relay that cuts %s passes at most 1.01 times the package',
    async (what, cuts) => {
      const relay = await relayOf(cuts);
      const rig = await rigBehind(relay.port);

      expect(await rig.round()).toMatchObject({ published: ['u1'], failed: [] });

      expect(await isPublished()).toBe(true);
      print(`cut ${what}`, relay.passed, jar.length);
      expect(relay.passed).toBeGreaterThanOrEqual(jar.length);
      expect(relay.passed).toBeLessThanOrEqual(jar.length * 1.01);
      expect(rig.codes().length).toBeLessThanOrEqual(4);
    },
    240_000,
  );

  it('cuts: a Squid whose reply_body_max_size only ranges pass delivers in one round', async () => {
    const relay = await relayOf({});
    const rig = await rigBehind(relay.port, '/capped');

    expect(await rig.round()).toMatchObject({ published: ['u1'], failed: [] });

    expect(await isPublished()).toBe(true);
    print('capped', relay.passed, jar.length);
    expect(relay.passed).toBeLessThanOrEqual(jar.length * 1.01);
    expect(rig.codes()).toEqual([]);
  }, 120_000);

  it('cuts: settings with another proxy continue a running download where it is', async () => {
    const [slow, other] = [await relayOf({ rate: RATE }), await relayOf({})];
    const sections = (port: number) => ({
      updates: { feed_url: feedUrl() },
      proxies: [{ name: 'corp', address: '127.0.0.1', port, default: true }],
    });
    const staged = join(dir, 'packages', '.staging', 'u1.jar.unverified');
    const size = async () => (await stat(staged).catch(() => null))?.size ?? 0;
    const before = server.ranges.length;
    const program = await composeIn(sections(slow.port), 'daemon', { dir });
    try {
      const round = program.agent.round();
      while ((await size()) < jar.length / 4) await delay(20);
      const kept = await size();
      await program.reload(sections(other.port));
      expect(await round).toMatchObject({ published: ['u1'], failed: [] });

      expect(program.events.filter(({ name }) => name === 'rerouted')).toHaveLength(1);
      const [whole, rest, ...more] = server.ranges.slice(before);
      expect([whole, more]).toEqual([null, []]);
      expect(rest?.[0]).toBeGreaterThanOrEqual(kept);
      expect(await isPublished()).toBe(true);
      print('another proxy', slow.passed + other.passed, jar.length);
      expect(slow.passed + other.passed).toBeLessThanOrEqual(jar.length * 1.01 + MAX_LOST_A_KILL);
    } finally {
      await program.remove();
    }
  }, 120_000);

  it('cuts: kill -9 and another proxy cost 1 % and 2 MiB a kill, no byte on disk again', async () => {
    const rate = IS_FULL ? 5 * RATE : RATE;
    const relays = [await relayOf({ rate }), await relayOf({ rate })];
    const staged = join(dir, 'packages', '.staging', 'u1.jar.unverified');
    const size = async () => (await stat(staged).catch(() => null))?.size ?? 0;
    const before = server.ranges.length;
    const isOver = async () => (await stat(join(dir, 'packages', 'u1.jar')).catch(() => null)) !== null;
    let kills = 0;
    for (let start = 0; !(await isOver()); start += 1) {
      expect(start).toBeLessThan(100);
      const config = await writeConfig(dir, {
        updates: { feed_url: feedUrl() },
        proxies: [
          { name: `corp${start % 2}`, address: '127.0.0.1', port: relays[start % 2]?.port, default: true },
        ] as object,
      });
      const [kept, requests] = [await size(), server.ranges.length];
      const program = startSallyport(['check', '-c', config]);
      while ((await size()) === kept && program.child.exitCode === null && !(await isOver())) await delay(20);
      await Promise.race([program.ended, delay(KILL_MS)]);
      if (program.child.exitCode === null) {
        program.child.kill('SIGKILL');
        kills += 1;
      }
      await program.ended;
      for (const range of server.ranges.slice(requests)) expect(range?.[0] ?? 0).toBeGreaterThanOrEqual(kept);
    }

    expect(await isPublished()).toBe(true);
    expect(kills).toBeGreaterThanOrEqual(2);
    expect(server.ranges.length - before).toBeGreaterThan(2);
    const passed = relays.reduce((sum, relay) => sum + relay.passed, 0);
    print(`${kills} kills`, passed, jar.length);
    expect(passed).toBeLessThanOrEqual(jar.length * 1.01 + kills * MAX_LOST_A_KILL);
  }, 500_000);
});
