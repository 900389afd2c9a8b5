// Gives up root for another user, for good.
//
// Guarantees: afterwards real, effective and saved IDs are those of that user, and the groups are exactly those that the
// host's user database gives it. Groups of root are not kept, because group root may read what is root's. Setting the
// user IDs also clears all capabilities (capabilities(7)). It is then tried to become root again, and a success is an
// error: the caller must end. Node applies each of the calls to every thread.

import { coded } from '#errors/coded-error.ts';

/** A user of the host. */
export interface HostUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** struct passwd of pwd.h: name, password, user, group. */
const USER_HEAD = { pw_name: 'str', pw_passwd: 'str', pw_uid: 'uint32_t', pw_gid: 'uint32_t' };

/** The user with this name; null when the host does not know it. */
export async function findUser(name: string): Promise<HostUser | null> {
  const { default: koffi } = await import('koffi');
  const found: unknown = koffi.load(null).func('void *getpwnam(const char *name)')(name);
  if (found === null) return null;
  const { pw_uid: uid, pw_gid: gid } = koffi.decode(found, koffi.struct(USER_HEAD)) as {
    readonly pw_uid: number;
    readonly pw_gid: number;
  };
  return { name, uid, gid };
}

/** The calls of Node that change the user of this process. */
export interface Identity {
  initgroups(user: string, group: number): void;
  setgid(group: number): void;
  setuid(user: number): void;
  getgroups(): number[];
  ids(): readonly number[];
}

/** Becomes this user. @throws CodedError CONSOLE-USER; the process must end then */
export function becomeUser({ name, uid, gid }: HostUser, identity: Identity = processIdentity): void {
  const failed = (reason: string, cause?: unknown) => coded('CONSOLE-USER', { user: name, reason }, cause);
  if (uid === 0 || gid === 0) throw failed('it has the ID of root');
  try {
    identity.initgroups(name, gid);
    identity.setgid(gid);
    identity.setuid(uid);
  } catch (thrown) {
    throw failed((thrown as NodeJS.ErrnoException).code ?? String(thrown), thrown);
  }
  const [realUser, user, realGroup, group] = identity.ids();
  const isChanged = realUser === uid && user === uid && realGroup === gid && group === gid;
  if (!isChanged || identity.getgroups().includes(0)) throw failed('the process kept a part of its rights');
  for (const back of [() => identity.setuid(0), () => identity.setgid(0)]) {
    if (succeeds(back)) throw failed('the process could become root again');
  }
}

function succeeds(action: () => void): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

/** Not in the types of Node. */
const { initgroups } = process as { initgroups?(user: string, group: number): void };

const processIdentity: Identity = {
  initgroups: (user, group) => initgroups?.call(process, user, group),
  setgid: (group) => process.setgid?.(group),
  setuid: (user) => process.setuid?.(user),
  getgroups: () => process.getgroups?.() ?? [],
  ids: () => [process.getuid?.(), process.geteuid?.(), process.getgid?.(), process.getegid?.()].map((id) => id ?? 0),
};
