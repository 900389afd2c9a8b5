// Which sockets a command trusts as those of the Sallyport on this host.

import { describe, expect, it } from 'vitest';
import { validateSocketOwner } from '#control/socket-owner.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { FileFacts } from '#system/files.ts';

const [ROOT, SERVICE, MEMBER] = [0, 990, 1001];
const STATE = '/var/lib/sallyport';

/** Owner and mode of each path. All other paths belong to root with mode 0755. */
type Disk = Readonly<Record<string, readonly [owner: number, mode: number]>>;

/** `taken`, or the code of the refusal. */
async function verdictOn(path: string, disk: Disk): Promise<string> {
  const factsOf = (at: string): FileFacts => {
    const [owner, mode] = disk[at] ?? [ROOT, 0o755];
    const kind = at === path ? 'socket' : 'directory';
    return { kind, owner, mode, group: SERVICE, size: 0, links: 1, inode: '1', device: '1', modifiedMs: 0 };
  };
  const files = { facts: (at: string) => Promise.resolve(factsOf(at)), realPath: (at: string) => Promise.resolve(at) };
  return await validateSocketOwner({ path, stateDir: STATE, self: ROOT }, files).then(
    () => 'taken',
    (thrown: unknown) => asCoded(thrown).code,
  );
}

const state: Disk = { [STATE]: [SERVICE, 0o700] };

describe("the service's socket, for root", () => {
  it.each<[string, string, Disk]>([
    ['in a folder of its own', '/run/sallyport/s', { '/run/sallyport': [SERVICE, 0o750] }],
    ['in a folder of its own that its group may write', '/run/sallyport/s', { '/run/sallyport': [SERVICE, 0o770] }],
    ['in a folder of root that the group may write', '/srv/open/s', { '/srv/open': [ROOT, 0o770] }],
    ['in a folder that everybody may write', '/tmp/s', { '/tmp': [ROOT, 0o1777] }],
  ])('is accepted %s', async (_where, path, disk) => {
    expect(await verdictOn(path, { ...state, ...disk, [path]: [SERVICE, 0o660] })).toBe('taken');
  });
});

describe("another user's socket, for root", () => {
  it.each<[string, string, Disk]>([
    [
      'in the folder of the service that the group may write',
      '/run/sallyport/s',
      { '/run/sallyport': [SERVICE, 0o770] },
    ],
    ['in a folder of root that the group may write', '/srv/open/s', { '/srv/open': [ROOT, 0o770] }],
    [
      'below a folder of root that the group may write',
      '/srv/open/run/s',
      { '/srv/open': [ROOT, 0o770], '/srv/open/run': [MEMBER, 0o700] },
    ],
    ['in a sticky folder of root that the group may write', '/srv/open/s', { '/srv/open': [ROOT, 0o1770] }],
    ['in a folder that everybody may write', '/tmp/s', { '/tmp': [ROOT, 0o1777] }],
  ])('is refused %s', async (_where, path, disk) => {
    expect(await verdictOn(path, { ...state, ...disk, [path]: [MEMBER, 0o660] })).toBe('CONTROL-FOREIGN');
  });

  it("is accepted in that user's own, group-writable folder", async () => {
    const [path, home] = ['/home/user/s', '/home/user'];
    expect(await verdictOn(path, { [path]: [MEMBER, 0o660], [home]: [MEMBER, 0o775] })).toBe('taken');
  });
});
