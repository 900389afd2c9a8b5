// Finds the name of a user with the name services of the host (files, LDAP, winbind).
//
// getpwuid(3) is called through koffi in a thread of its pool, because a directory server may not answer for minutes.
// The function has one buffer for the whole process, so the calls run one at a time. Nothing is cached, and nothing
// here throws.

import type { Clock } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';

/** The longest wait for a name. */
const LIMIT_MS = 2_000;
/** struct passwd of pwd.h begins with the name. */
const USER_HEAD = { pw_name: 'str' };
/** Names that are shown as they are; a directory may hold anything. */
const NAME = /^[A-Za-z0-9._@\\-]{1,64}$/;

const turns = new Turns();

/** The name of a uid; null when the machine does not know it, or does not answer within two seconds. */
export async function nameOfUser(uid: number, clock: Clock): Promise<string | null> {
  const { promise: late, resolve } = Promise.withResolvers<null>();
  const timer = clock.after(LIMIT_MS, () => resolve(null));
  try {
    return await Promise.race([turns.run(() => lookUp(uid)).catch(() => null), late]);
  } finally {
    timer.cancel();
  }
}

async function lookUp(uid: number): Promise<string | null> {
  const { default: koffi } = await import('koffi');
  const find = koffi.load(null).func('void *getpwuid(uint32_t uid)');
  const found = await new Promise<unknown>((resolve, reject) => {
    find.async(uid, (error: unknown, result: unknown) => (error === null ? resolve(result) : reject(error)));
  });
  if (found === null) return null;
  const { pw_name: name } = koffi.decode(found, koffi.struct(USER_HEAD)) as { readonly pw_name: string };
  return NAME.test(name) ? name : null;
}
