// Checks whether a stream of this process is connected to systemd's journal, as defined in systemd.exec(5):
// JOURNAL_STREAM has the device and inode of the socket, and the descriptor must have the same ones. The variable alone
// is not enough, because a child that writes to a pipe also inherits it.

import { fstatSync } from 'node:fs';

/** True when the descriptor is the one that JOURNAL_STREAM names. */
export function isJournal(descriptor: number, journalStream: string | undefined): boolean {
  const named = /^(\d{1,20}):(\d{1,20})$/.exec(journalStream ?? '');
  if (named === null) return false;
  try {
    const { dev, ino } = fstatSync(descriptor, { bigint: true });
    return named[1] === String(dev) && named[2] === String(ino);
  } catch {
    return false;
  }
}
