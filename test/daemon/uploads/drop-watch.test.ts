// The drop directory in a running daemon.

import { existsSync } from 'node:fs';
import { chmod, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AnalyticsRig, makeDropDirectory, openAnalytics } from '#test/support/analytics-rig.ts';

let drop: string;
let rig: AnalyticsRig;

beforeEach(async () => {
  drop = await makeDropDirectory();
});
afterEach(async () => {
  await rig.close();
  await rm(drop, { recursive: true });
});

async function put(name: string, text: string): Promise<void> {
  await writeFile(join(drop, 'tmp', name), text);
  await rename(join(drop, 'tmp', name), join(drop, 'new', name));
}

const left = async () => (await readdir(join(drop, 'new'))).sort();

describe('the drop directory of a daemon', () => {
  it('drop directory: files from before and after the start arrive once and are deleted', async () => {
    await put('before', '{"n":1}\n{"n":2}\n');
    rig = await openAnalytics({ section: { drop_dir: drop } });
    await rig.untilArrived(1, 2);
    await put('after', '{"n":3}');
    await rig.untilArrived(1, 2, 3);
    expect(await left()).toEqual([]);
  });

  it('drop directory: files wait while the purpose is disabled', async () => {
    rig = await openAnalytics({ section: { drop_dir: drop } });
    await rig.reload(rig.sections({ enabled: false }));
    await expect.poll(() => rig.events.some(({ name }) => name === 'analytics-off')).toBe(true);
    await put('waits', '{"n":1}');
    expect(await left()).toEqual(['waits']);
    await rig.reload(rig.sections());
    await rig.untilArrived(1);
  });

  it('drop directory: it is marked while it is read, also after a stop, until it is disabled', async () => {
    const isMarked = () => existsSync(join(drop, 'accepting'));
    rig = await openAnalytics({ section: { drop_dir: drop } });
    await expect.poll(isMarked).toBe(true);
    rig = await rig.restart();
    expect(isMarked()).toBe(true);
    await rig.reload(rig.sections({ enabled: false }));
    await expect.poll(isMarked).toBe(false);
    await rig.reload(rig.sections());
    await expect.poll(isMarked).toBe(true);
    await rig.close();
    rig = await openAnalytics({ section: { drop_dir: drop, enabled: false } });
    expect(isMarked()).toBe(false);
  });

  it('drop directory: one that cannot be used is reported once and used when it is corrected', async () => {
    await chmod(join(drop, 'new'), 0o777);
    await put('a', '{"n":1}');
    rig = await openAnalytics({ section: { drop_dir: drop } });
    const problems = () => rig.events.filter(({ name }) => name === 'drop-unusable');
    await expect.poll(problems).toMatchObject([{ error: { code: 'DROP-DIRECTORY' } }]);
    await chmod(join(drop, 'new'), 0o3770);
    await rig.untilArrived(1);
    expect(problems()).toHaveLength(1);
  });
});
