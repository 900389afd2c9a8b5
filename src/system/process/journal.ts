// Whether a stream of this process ends in systemd's journal, by the rule of systemd.exec(5): JOURNAL_STREAM names the
// device and inode of the socket, and both are those of the descriptor. The variable alone says nothing: a child that
// writes into a pipe inherits it, too.

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
