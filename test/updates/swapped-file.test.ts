// What is published is the file that was hashed, even if a user who can write into the folders swaps it at any moment.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { withInterference } from '#test/support/interfering-files.ts';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { openRig } from '#test/support/round-rig.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { testSettings } from '#test/support/test-settings.ts';

const DIR = '/data';
const STAGED = `${DIR}/packages/.staging/u1.jar.unverified`;
const FINAL = `${DIR}/packages/u1.jar`;
const jar = makeJar('u1', 40_000);
const evil = makeJar('evil', jar.length);

let origin: ScriptedOrigin;
let disk: CrashingFiles;
beforeEach(async () => {
  origin = await startScriptedOrigin();
  origin.serve('/feed.json', feedOf([itemFor('u1', jar)]), 'application/json');
  origin.serve('/u1.jar', jar);
  disk = new CrashingFiles();
});
afterEach(() => origin.close());

/** One round in which the file is swapped, once, at the operation that `isMoment` recognizes. `meanwhile` runs before the round. */
async function roundWith(
  isMoment: (moment: string, operation: string, given: readonly unknown[]) => boolean,
  swap: () => void,
  meanwhile: () => void = () => undefined,
) {
  let swaps = 0;
  const files = withInterference(disk, (moment, operation, given) => {
    if (swaps > 0 || !isMoment(moment, operation, given)) return;
    swaps += 1;
    swap();
  });
  const settings = testSettings(DIR, { updates: { feed_url: `${origin.url}/feed.json` } });
  const rig = await openRig({ files, dir: DIR, settings });
  meanwhile();
  const report = await rig.round();
  return { swaps, report, rig };
}

const isRenameOf = (path: string) => (operation: string, given: readonly unknown[]) =>
  operation === 'rename' && given[0] === path;
const stagedRename = isRenameOf(STAGED);

const OWNERS = [
  ['a file of another user', { owner: 4_321 }],
  ['a file of our own user', {}],
] as const;

describe.each(OWNERS)('swapped file: %s', (_what, as) => {
  const takeStaged = () => disk.plantFile(STAGED, evil, { mode: 0o644, ...as });

  it.each([
    ['when the download is closed and before it is verified', 'openToRead', 'before'],
    ['after it was verified, before its name is looked up', 'openToWrite', 'before'],
    ['right before the rename', 'rename', 'before'],
  ])('that is put there %s is never published', async (_when, operation, moment) => {
    let opened = 0;
    const { swaps, report, rig } = await roundWith((seen, done, given) => {
      if (seen !== moment || done !== operation || given[0] !== STAGED) return false;
      opened += 1;
      return opened === 1;
    }, takeStaged);

    expect(swaps).toBe(1);
    expect(report.published).toEqual([]);
    expect(report.failed).toHaveLength(1);
    expect(rig.codes()).toContainEqual(expect.stringMatching(/^FILE-(?:SWAPPED|FOREIGN)$/));
    expect(disk.content(FINAL)).toBeNull();
    expect(await rig.ports.store.find('u1')).toBeNull();
    expect(rig.ports.spool.due(0)).toEqual([]);
  });

  it('that is put under the final name after the rename is removed again', async () => {
    const { swaps, report, rig } = await roundWith(
      (moment, operation, given) => moment === 'after' && stagedRename(operation, given),
      () => disk.plantFile(FINAL, evil, { mode: 0o644, ...as }),
    );

    expect(swaps).toBe(1);
    expect(report).toMatchObject({ published: [], failed: [{ id: 'u1', error: { code: 'FILE-SWAPPED' } }] });
    expect(disk.content(FINAL)).toBeNull();
    expect(await rig.ports.store.find('u1')).toBeNull();
  });
});

it('swapped file: without a swap the file is published', async () => {
  const { swaps, report } = await roundWith(
    () => false,
    () => undefined,
  );
  expect(swaps).toBe(0);
  expect(report.published).toEqual(['u1']);
  expect(disk.content(FINAL)?.equals(jar)).toBe(true);
});

describe('swapped file: a folder that others can write', () => {
  it.each([
    ['packages', `${DIR}/packages`, { mode: 0o777 }],
    ['packages, with the sticky bit', `${DIR}/packages`, { mode: 0o1777 }],
    ['packages of the group', `${DIR}/packages`, { mode: 0o775 }],
    ['packages of another user', `${DIR}/packages`, { owner: 4_321 }],
    ['staging', `${DIR}/packages/.staging`, { mode: 0o777 }],
    ['staging that others can look into', `${DIR}/packages/.staging`, { mode: 0o755 }],
    ['staging of another user', `${DIR}/packages/.staging`, { mode: 0o700, owner: 4_321 }],
  ])('%s: nothing is fetched', async (_what, path, as) => {
    // After the start, which would have refused it.
    const plant = () => disk.plantFolder(path, { mode: path.endsWith('packages') ? 0o755 : 0o700, ...as });
    const { report, rig } = await roundWith(
      () => false,
      () => undefined,
      plant,
    );

    expect(report.error).toMatchObject({ code: 'FOLDER-UNSAFE', facts: { path } });
    expect(rig.ports.memory.id('u1')).toBeNull();
    expect(disk.content(FINAL)).toBeNull();
  });
});
