// Finds the gid of a group by its name, and sets the group of a socket. The name services of the host are used: files,
// LDAP or winbind.
//
// getgrnam(3) is called through koffi, which is loaded on first use, as in `peer.ts`. Nothing is cached.

import { chmod, lchown } from 'node:fs/promises';
import { coded } from '#errors/coded-error.ts';

const NUMBER = /^\d{1,10}$/;
/** struct group of grp.h: name, password, number. */
const GROUP_HEAD = { gr_name: 'str', gr_passwd: 'str', gr_gid: 'uint32_t' };

/** The gid of a group; null when the machine does not know it. A number is returned unchanged. */
export async function groupNumber(name: string): Promise<number | null> {
  if (NUMBER.test(name)) return Number(name);
  const { default: koffi } = await import('koffi');
  const find = koffi.load(null).func('void *getgrnam(const char *name)');
  const found: unknown = find(name);
  if (found === null) return null;
  const { gr_gid } = koffi.decode(found, koffi.struct(GROUP_HEAD)) as { readonly gr_gid: number };
  return gr_gid;
}

/** The name of a group; null when the machine does not know it. */
export async function groupName(group: number): Promise<string | null> {
  const { default: koffi } = await import('koffi');
  const find = koffi.load(null).func('void *getgrgid(uint32_t group)');
  const found: unknown = find(group);
  if (found === null) return null;
  return (koffi.decode(found, koffi.struct(GROUP_HEAD)) as { readonly gr_name: string }).gr_name;
}

/**
 * Gives one of our sockets to a group and sets its mode.
 * @throws CodedError FILE-FAILED; EPERM when we are not in the group
 */
export async function giveToGroup(path: string, group: number, mode: number): Promise<void> {
  try {
    await lchown(path, process.geteuid?.() ?? -1, group);
    await chmod(path, mode);
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException;
    throw coded(
      'FILE-FAILED',
      { operation: 'change the owner of', path, reason: code ?? message, errno: code ?? null },
      thrown,
    );
  }
}
