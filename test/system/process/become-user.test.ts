// Giving up root: the calls and their order, and every way in which a part of root could be kept.

import { expect, it } from 'vitest';
import { becomeUser, findUser, type Identity } from '#system/process/become-user.ts';

const USER = { name: 'sallyport-console', uid: 995, gid: 994 };

/** The calls of a process that has root's IDs, where `over` replaces what the system does. */
function rootIdentity(over: Partial<Identity> = {}) {
  const calls: string[] = [];
  let [uid, gid] = [0, 0];
  let groups = [0, 27];
  const refused = () => {
    throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
  };
  const identity: Identity = {
    initgroups: (name, group) => {
      calls.push(`initgroups ${name}`);
      groups = [group, 990];
    },
    setgid: (group) => {
      if (uid !== 0) refused();
      calls.push('setgid');
      gid = group;
    },
    setuid: (user) => {
      if (uid !== 0) refused();
      calls.push('setuid');
      uid = user;
    },
    getgroups: () => groups,
    ids: () => [uid, uid, gid, gid],
    ...over,
  };
  return { identity, calls };
}

it('becoming a user: groups first, the user last, and nothing of root is left', () => {
  const { identity, calls } = rootIdentity();
  becomeUser(USER, identity);

  expect(calls).toEqual(['initgroups sallyport-console', 'setgid', 'setuid']);
  expect(identity.ids()).toEqual([995, 995, 994, 994]);
});

it.each<[string, Partial<Identity>]>([
  ['a saved user ID that leads back to root', { setuid: () => undefined, ids: () => [995, 995, 994, 994] }],
  ['a group of root', { getgroups: () => [994, 0] }],
  ['the real user ID of root', { ids: () => [0, 995, 994, 994] }],
  ['the group ID of root', { ids: () => [995, 995, 994, 0] }],
  [
    'a call that the system refuses',
    {
      initgroups: () => {
        throw Object.assign(new Error('EPERM'), { code: 'EPERM' });
      },
    },
  ],
])('becoming a user: %s is an error', (_name, over) => {
  const { identity } = rootIdentity(over);

  expect(() => becomeUser(USER, identity)).toThrow(expect.objectContaining({ code: 'CONSOLE-USER' }));
});

it('becoming a user: a user with the ID or the group of root is refused before any call', () => {
  const { identity, calls } = rootIdentity();

  expect(() => becomeUser({ ...USER, uid: 0 }, identity)).toThrow('the ID of root');
  expect(() => becomeUser({ ...USER, gid: 0 }, identity)).toThrow('the ID of root');
  expect(calls).toEqual([]);
});

it('becoming a user: a user is found with its IDs, and an unknown name is null', async () => {
  expect(await findUser('root')).toEqual({ name: 'root', uid: 0, gid: 0 });
  expect(await findUser('no-such-user-here')).toBeNull();
});
