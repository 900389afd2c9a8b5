// Whose state folder a process may use, and what is reported of the folders above it.

import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reportExposed, requireOurState } from '#daemon/service/state-folder.ts';
import { type Composed, composeIn } from '#test/support/composed.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { withInterference } from '#test/support/interfering-files.ts';

const ROOT = 0;
const OTHER = 4_321;

describe('requireOurState', () => {
  let disk: CrashingFiles;
  beforeEach(() => {
    disk = new CrashingFiles();
  });
  const as = (self: number) => withInterference(disk, () => undefined, self);

  it.each([
    ['root in the state of the service', ROOT, OTHER, true],
    ['root in a state of its own', ROOT, ROOT, false],
    ['the service in its own', OTHER, OTHER, false],
    ['another user in that of the service', 7, OTHER, true],
    ['the service in one of root', OTHER, ROOT, true],
  ])('%s', async (_what, self, owner, isRefused) => {
    disk.plantFolder('/var/state', { owner });
    const asked = requireOurState(as(self), '/var/state', null);

    if (!isRefused) return await expect(asked).resolves.toBeUndefined();
    await expect(asked).rejects.toMatchObject({ code: 'STATE-OF-OTHERS', facts: { path: '/var/state', owner, self } });
  });

  it.each([
    ['root below a folder of the service', ROOT, OTHER, null, true],
    ['root below a folder of root', ROOT, ROOT, null, false],
    ['root in a mounted clone of another user', ROOT, OTHER, '/home/clone', false],
    ['root below a folder next to the clone', ROOT, OTHER, '/home/clone-2', true],
    ['another user, which could not create it anyway', 7, OTHER, null, false],
  ] as const)('where it is not there yet: %s', async (...[, self, owner, checkout, isRefused]) => {
    disk.plantFolder('/home/clone', { owner });
    const asked = requireOurState(as(self), '/home/clone/state/demo', checkout);

    if (isRefused)
      await expect(asked).rejects.toMatchObject({ code: 'STATE-OF-OTHERS', facts: { path: '/home/clone' } });
    else await expect(asked).resolves.toBeUndefined();
    expect(disk.names()).not.toContain('/home/clone/state');
  });
});

describe('reportExposed', () => {
  let composed: Composed | null = null;
  afterEach(async () => {
    await composed?.remove();
  });

  it('names a parent folder that every user can write, only once', async () => {
    composed = await composeIn({});
    const { dir, parts, events } = composed;
    await parts.ports.store.prepare();
    const guarded = { ...parts, folders: [join(dir, 'state'), parts.ports.store.dir] };
    await reportExposed(guarded);
    expect(events.filter(({ name }) => name === 'folder-exposed')).toEqual([]);

    await chmod(dir, 0o777);
    await reportExposed(guarded);
    expect(events.filter(({ name }) => name === 'folder-exposed')).toEqual([
      expect.objectContaining({ path: dir, mode: '0777', folder: join(dir, 'state') }),
    ]);
  });
});
