// The packages of a round that are published together: they share syncs and writes, and one that fails stops no other one.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '#system/clock.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig } from '#test/support/round-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const DIR = '/data';
const STAGING = `${DIR}/packages/.staging`;
const IDS = Array.from({ length: 12 }, (_, at) => `many${at + 1}`);
const JARS = new Map(IDS.map((id) => [id, makeJar(id, 2_000)]));
let origin: ScriptedOrigin;

beforeAll(async () => {
  origin = await startScriptedOrigin();
  for (const [id, jar] of JARS) origin.serve(`/${id}.jar`, jar);
  const items = IDS.map((id) => itemFor(id, JARS.get(id) ?? Buffer.alloc(0), { package: id }));
  origin.serve('/feed.json', feedOf(items), 'application/json');
});
afterAll(() => origin.close());

async function open(files: CrashingFiles, clock: Clock = systemClock) {
  const settings = testSettings(DIR, {
    updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge` },
  });
  return await openRig({ files, dir: DIR, settings, clock, routerClock: systemClock });
}

const others = (id: string) => IDS.filter((one) => one !== id).toSorted();
const jars = (files: CrashingFiles) => IDS.filter((id) => files.content(`${DIR}/packages/${id}.jar`) !== null);

describe('publishing many packages', () => {
  it('publish: twelve small packages share syncs of folders and writes of the history', async () => {
    const files = new CrashingFiles();
    // No time passes, so packages wait until all are downloaded.
    const rig = await open(files, new FakeClock());
    files.arm({});
    expect((await rig.round()).published.toSorted()).toEqual(IDS.toSorted());

    const count = (operation: string, path: string) =>
      files.trace.filter((one) => one.operation === operation && one.path === path).length;
    expect(count('rename', `${DIR}/state/updates.json.new`)).toBeLessThanOrEqual(4);
    expect(count('syncDirectory', STAGING)).toBeLessThanOrEqual(11);
    for (const id of IDS) expect(count('sync', `${STAGING}/${id}.jar.unverified`), id).toBe(1);
    expect(files.names().filter((name) => name.startsWith(STAGING))).toEqual([]);
  });

  it('publish: a package whose sidecar cannot be written fails alone, and is completed later', async () => {
    const files = new CrashingFiles();
    const rig = await open(files);
    files.plantFolder(`${DIR}/packages/many5.json.new`);
    const first = await rig.round();
    expect(first.published.toSorted()).toEqual(others('many5'));
    expect(first.failed).toMatchObject([{ id: 'many5', error: { code: 'FILE-FAILED' } }]);
    expect(rig.ports.memory.id('many5')?.fate).not.toBe('published');

    await files.removeFolder(`${DIR}/packages/many5.json.new`);
    await rig.round();
    expect(jars(files)).toEqual(IDS);
    expect((await rig.ports.store.list()).map(({ id }) => id)).toEqual(IDS.toSorted());
    expect(new Set(origin.receipts.map(({ id }) => id))).toEqual(new Set(IDS));
  });

  it('publish: a package whose final name is taken by a folder fails alone', async () => {
    const files = new CrashingFiles();
    const rig = await open(files);
    files.plantFolder(`${DIR}/packages/many7.jar`);
    const report = await rig.round();
    expect(report.published.toSorted()).toEqual(others('many7'));
    expect(report.failed).toMatchObject([{ id: 'many7', error: { code: 'FILE-FAILED' } }]);
  });

  it('publish: a history that cannot be written fails the packages that share it, and loses none', async () => {
    const files = new CrashingFiles();
    const rig = await open(files);
    await rig.ports.memory.save();
    let opened = false;
    files.arm({
      observe: () => {
        // Once the first package has its sidecar.
        if (opened || files.content(`${DIR}/packages/many1.json`) === null) return;
        opened = true;
        files.plantFolder(`${DIR}/state/updates.json.new`);
      },
    });
    const report = await rig.round();
    expect(opened).toBe(true);
    expect(report.published.length).toBeLessThan(IDS.length);

    files.arm({});
    await files.removeFolder(`${DIR}/state/updates.json.new`);
    await rig.round();
    expect(jars(files)).toEqual(IDS);
    expect(IDS.filter((id) => rig.ports.memory.id(id)?.fate !== 'published')).toEqual([]);
  });
});
