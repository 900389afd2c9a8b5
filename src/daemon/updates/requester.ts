// The name of the user who requested a change, for the log and the record of the change.

import type { Caller } from '#control/verb.ts';
import type { Parts } from '#daemon/parts.ts';
import { namedUser } from '#system/network/peer.ts';

/** The user as the kernel reports it; in this process, its own. */
export async function requesterOf(
  { mode, files, clock }: Pick<Parts, 'mode' | 'files' | 'clock'>,
  { peer }: Caller,
): Promise<{ readonly by: string; readonly uid: number | null }> {
  const user = mode === 'command' ? { uid: files.self } : peer;
  return { by: await namedUser(user, clock), uid: user?.uid ?? null };
}
