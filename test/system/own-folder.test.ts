// Folders that we rely on: refused if another user owns or may write them, with the command that fixes it.

import { chmod, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  checkFolder,
  exposedAbove,
  hasCheckoutOwnership,
  isWithin,
  nearestFolder,
  ownFolder,
} from '#system/own-folder.ts';
import { realFiles } from '#system/real-files.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';

const SELF = 64_101;
const PATH = '/srv/p';

describe('checkFolder', () => {
  it.each([
    [0o755, SELF, null],
    [0o700, SELF, null],
    [0o711, SELF, null],
    [0o775, SELF, `chmod 0755 ${PATH}`],
    [0o777, SELF, `chmod 0755 ${PATH}`],
    [0o1777, SELF, `chmod 0755 ${PATH}`],
    [0o2770, SELF, `chmod 0750 ${PATH}`],
    [0o755, 0, `chown ${SELF} ${PATH}`],
    [0o755, 64_102, `chown ${SELF} ${PATH}`],
    [0o757, 64_102, `chown ${SELF} ${PATH} && chmod 0755 ${PATH}`],
  ])('own folder: mode %o of user %i: %s', (mode, owner, command) => {
    const error = checkFolder(PATH, { mode, owner }, { what: 'updates.packages_dir', self: SELF });
    if (command === null) return expect(error).toBeNull();
    expect(error).toMatchObject({
      code: 'FOLDER-UNSAFE',
      facts: { path: PATH, owner, mode: mode.toString(8).padStart(4, '0'), command },
      entry: { class: 'system' },
    });
    expect(error?.check).toContain(command);
    expect(error?.safeText).toContain(`${PATH} (updates.packages_dir)`);
  });

  it.each([0o710, 0o701, 0o755, 0o777])('own folder: a private folder of mode %o is refused', (mode) => {
    const error = checkFolder(PATH, { mode, owner: SELF }, { what: 'staging', isPrivate: true, self: SELF });
    expect(error?.facts['command']).toBe(`chmod 0700 ${PATH}`);
  });
});

describe('on the real disk', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-folder-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  it('own folder: a folder that all users can write is refused, also behind a link', async () => {
    const path = join(dir, 'made');
    await ownFolder(realFiles, path, { mode: 0o700, what: 'state' });
    await symlink(path, join(dir, 'link'));
    await chmod(path, 0o777);

    for (const name of [path, join(dir, 'link')]) {
      const made = ownFolder(realFiles, name, { mode: 0o700, what: 'state' });
      await expect(made).rejects.toMatchObject({ code: 'FOLDER-UNSAFE', facts: { path: name, mode: '0777' } });
    }
  });

  it('own folder: a parent that all users can write is reported unless it is sticky', async () => {
    await mkdir(join(dir, 'open/inner'), { recursive: true });
    await chmod(join(dir, 'open'), 0o777);
    const exposed = await exposedAbove(realFiles, join(dir, 'open/inner'));
    expect(exposed).toContainEqual(expect.objectContaining({ path: join(dir, 'open'), mode: '0777' }));

    await chmod(join(dir, 'open'), 0o1777);
    expect((await exposedAbove(realFiles, join(dir, 'open/inner'))).map(({ path }) => path)).not.toContain(
      join(dir, 'open'),
    );
  });
});

describe('a checkout', () => {
  it.each([
    ['of the same owner', { owner: 5 }, { owner: 5 }, true],
    ['of another owner', { owner: 5 }, { owner: 6 }, false],
    [
      'open to the same group as the checkout',
      { owner: 5, mode: 0o775, group: 5 },
      { owner: 5, mode: 0o775, group: 5 },
      true,
    ],
    ['open to a group, as the checkout is not', { owner: 5, mode: 0o775, group: 5 }, { owner: 5, group: 5 }, false],
    ['open to everybody', { owner: 5, mode: 0o777 }, { owner: 5, mode: 0o777 }, false],
  ])('own folder: the packages folder of a checkout %s', async (_what, packages, checkout, taken) => {
    const files = new CrashingFiles();
    files.plantFolder('/clone/packages', packages);
    files.plantFolder('/clone', checkout);
    expect(await hasCheckoutOwnership(files, '/clone/packages', '/clone')).toBe(taken);
  });

  it('own folder: folders next to a checkout are not part of it', async () => {
    const files = new CrashingFiles();
    files.plantFolder('/clone-2/packages', { owner: 5 });
    files.plantFolder('/clone', { owner: 5 });
    expect(await hasCheckoutOwnership(files, '/clone-2/packages', '/clone')).toBe(false);
  });
});

it.each([
  ['/a/b', '/a', true],
  ['/a', '/a', false],
  ['/ab', '/a', false],
  ['/a/..b', '/a', true],
  ['/', '/a', false],
])('own folder: isWithin(%s, %s) is %s', (path, folder, within) => {
  expect(isWithin(path, folder)).toBe(within);
});

it('own folder: nearestFolder finds the nearest existing folder', async () => {
  const files = new CrashingFiles();
  files.plantFolder('/a', { owner: 7 });
  expect(await nearestFolder(files, '/a/b/c')).toMatchObject({ path: '/a', facts: { owner: 7 } });
});
