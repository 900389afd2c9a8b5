/**
 * A signed feed over plain http through a real Squid that caches: many hosts cost one request for each file, nothing that a cache
 * or a broken host sends is published unsigned, and each refusal has its code.
 */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { itemFor, makeJar } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { openRig } from '#test/support/round-rig.ts';
import { MISSING, SIGNED_CLOCK, SignedOrigin } from '#test/support/signed-origin.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';
import { testSettings } from '#test/support/test-settings.ts';

const ROOT = '/etc/root.json';
const JAR = makeJar('1602503', 200_000);
const CACHE = ['collapsed_forwarding on', 'maximum_object_size_in_memory 4 MB', 'maximum_object_size 4 MB'];

describeWith(['squid'], 'signed feed through Squid', () => {
  let origin: SignedOrigin;
  let squid: RunningSquid;
  beforeEach(async () => {
    origin = await SignedOrigin.start();
    origin.headers = { 'cache-control': 'max-age=60' };
    origin.offer([{ item: itemFor('1602503', JAR), bytes: JAR }]);
    squid = await startSquid({ caches: true, extra: CACHE });
  });
  afterEach(async () => {
    await Promise.all([origin.close(), squid.stop()]);
  });

  async function host() {
    const files = new CrashingFiles();
    files.plantFile(ROOT, origin.repository.initialRoot);
    const proxies = [{ name: 'corp', address: '127.0.0.1', port: squid.port, default: true }];
    const settings = testSettings('/data', { proxies, updates: origin.settings(ROOT) });
    return { files, rig: await openRig({ files, dir: '/data', settings, clock: SIGNED_CLOCK }) };
  }

  it('costs one request for each file for any number of hosts', async () => {
    for (let count = 0; count < 5; count += 1) {
      const { rig } = await host();
      expect(await rig.round()).toMatchObject({ error: null, published: ['1602503'] });
    }
    const found = origin.asked.filter((line) => !line.includes('2.root.json'));
    expect(new Set(found).size).toBe(found.length);
    expect(found.filter((line) => line.endsWith('.jar'))).toHaveLength(1);
  });

  it('publishes nothing that was forged', async () => {
    const forged = makeJar('forged', 200_000);
    origin.repository.artifacts.set('1602503.jar', forged);
    const { rig, files } = await host();
    expect((await rig.round()).failed.map(({ error }) => error.code)).toEqual(['DIGEST-MISMATCH']);
    expect(files.names().filter((name) => name.endsWith('.jar'))).toEqual([]);
  });

  it('works with AccessDenied for missing files', async () => {
    origin.missing = MISSING.denied;
    const { rig } = await host();
    expect(await rig.round()).toMatchObject({ error: null, published: ['1602503'] });
  });

  it('is unsure about another 403, and names Squid', async () => {
    origin.missing = MISSING.forbidden;
    expect((await (await host()).rig.round()).error?.code).toBe('TUF-ROOT-UNSURE');
    await squid.stop();
    squid = await startSquid({ denyHosts: ['127.0.0.1'] });
    expect((await (await host()).rig.round()).error?.code).toBe('POLICY-DENIED');
  });
});
