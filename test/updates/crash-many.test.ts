// Crashes in a round of many packages, whose publications overlap. Operations of different packages have no fixed order, so the
// places are spread over the whole round instead of listed.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CRASH_MODES, CrashingFiles } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig } from '#test/support/round-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const DIR = '/data';
const CRASHES = 16;
const IDS = Array.from({ length: 10 }, (_, at) => `many${at + 1}`);
const JARS = new Map(IDS.map((id) => [id, makeJar(id, 2_000)]));
let origin: ScriptedOrigin;

beforeAll(async () => {
  origin = await startScriptedOrigin();
  for (const [id, jar] of JARS) origin.serve(`/${id}.jar`, jar);
  const items = IDS.map((id) => {
    // The last one must not be published before the first two.
    const requires = id === 'many10' ? ['many1', 'many2'] : [];
    return itemFor(id, JARS.get(id) ?? Buffer.alloc(0), { package: id, requires });
  });
  origin.serve('/feed.json', feedOf(items), 'application/json');
});
afterAll(() => origin.close());

async function round(files: CrashingFiles): Promise<readonly string[]> {
  const settings = testSettings(DIR, {
    updates: { feed_url: `${origin.url}/feed.json`, acknowledge_url: `${origin.url}/acknowledge` },
  });
  const rig = await openRig({ files, dir: DIR, settings });
  return (await rig.round()).published;
}

function publishedIn(files: CrashingFiles): string[] {
  return IDS.filter((id) => files.content(`${DIR}/packages/${id}.jar`) !== null);
}

function expectRightOrder(files: CrashingFiles): void {
  const published = publishedIn(files);
  for (const id of published) expect(files.content(`${DIR}/packages/${id}.jar`)).toEqual(JARS.get(id));
  if (published.includes('many10')) expect(published).toEqual(expect.arrayContaining(['many1', 'many2']));
}

describe('crash in a round of many packages', () => {
  it('crash: whatever operation was last, every package and receipt is complete in the end', async () => {
    const healthy = new CrashingFiles();
    expect(await round(healthy)).toHaveLength(IDS.length);
    const operations = healthy.trace.length;
    for (let crash = 0; crash < CRASHES; crash += 1) {
      origin.receipts.splice(0);
      const files = new CrashingFiles();
      files.arm({ crashBefore: 1 + Math.floor((operations * (crash + 0.5)) / CRASHES) });
      await round(files).catch(() => undefined);

      const mode = CRASH_MODES[crash % CRASH_MODES.length] ?? 'killed';
      const survived = files.afterCrash(mode, crash);
      expectRightOrder(survived);
      await round(survived);
      await round(survived);
      expect(publishedIn(survived), `crash ${crash}, ${mode}`).toEqual(IDS);
      expectRightOrder(survived);
      const told = new Map(origin.receipts.map((receipt) => [receipt.key, receipt.id]));
      expect([...told.values()].toSorted()).toEqual(IDS.toSorted());
    }
  });
});
