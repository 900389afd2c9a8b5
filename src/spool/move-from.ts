// Moves the entries of version 0.1.0 from `state/spool` to the folder of their kind in `state/outbox`.
//
// Guarantees: the keys of entries that were already sent are loaded before any entry is read. The order of acceptance
// is kept. Entries that 0.1.0 adds in a later run come after those that are waiting. Runs under the lock of the state
// folder. A crash leaves each entry in one of the two folders, and the next start continues. The empty folder and files
// with unknown names are kept.

import { join } from 'node:path';
import { asCoded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import { readWhole, removeDurably, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { requireOwnFolder } from '#system/own-folder.ts';
import { MAX_ENTRY_HEAD_BYTES } from './entry.ts';
import { partName, QUARANTINE, readName, SETTLED_FILE } from './names.ts';
import { quarantinePlace } from './quarantine.ts';
import { SettledKeys } from './settled-keys.ts';

/** The target of the move. */
export interface MoveTo {
  readonly files: Files;
  readonly dir: string;
  /** The memory of settled keys there. */
  readonly settled: SettledKeys;
  readonly report: Report;
}

/** Moves every entry of ours. @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE, FILE-* */
export async function moveFrom(from: string, to: MoveTo): Promise<void> {
  const { files } = to;
  await requireOwnFolder(files, from, { what: 'the spool of version 0.1.0' });
  if ((await files.list(from)).length === 0) return;
  const areKeysKept = await moveKeys(from, to);
  await moveEntries(from, to);
  await moveQuarantine(from, to);
  if (areKeysKept) await removeDurably(files, join(from, SETTLED_FILE));
}

/**
 * True when they are on disk in their new place. If there is no space, they are kept in memory and the old file
 * stays.
 */
async function moveKeys(from: string, { files, settled, report }: MoveTo): Promise<boolean> {
  const { settled: former, error } = await SettledKeys.open(files, from);
  if (error !== null) report({ name: 'state-set-aside', error });
  try {
    await settled.add(former.all);
    return true;
  } catch (thrown) {
    if (asCoded(thrown).code !== 'DISK-FULL') throw thrown;
    settled.remember(former.all);
    return false;
  }
}

async function moveEntries(from: string, { files, dir }: MoveTo): Promise<void> {
  const taken = (await files.list(dir)).flatMap((name) => readName(name)?.sequence ?? []);
  let sequence = taken.reduce((most, one) => Math.max(most, one), 0);
  const entries: number[] = [];
  for (const name of await files.list(from)) {
    const own = readName(name);
    if (own?.unfinished === true) await files.remove(join(from, name));
    else if (own?.part === 'json') entries.push(own.sequence);
  }
  if (entries.length === 0) return;
  for (const one of entries.sort((a, b) => a - b)) {
    sequence += 1;
    await moveFile(files, join(from, partName(one, 'json')), join(dir, partName(sequence, 'json')));
  }
  // The new names first: a power cut leaves one name or both, never none.
  await files.syncDirectory(dir);
  await files.syncDirectory(from);
}

async function moveQuarantine(from: string, { files, dir }: MoveTo): Promise<void> {
  const corner = join(from, QUARANTINE);
  const names = await files.list(corner);
  if (names.length === 0) return;
  for (const name of names) {
    // A folder on another disk stays where it is: its entries are never sent.
    await files.rename(join(corner, name), await quarantinePlace(files, dir, name)).catch(unlessOnOtherDisk);
  }
  await files.syncDirectory(join(dir, QUARANTINE));
  await files.syncDirectory(corner);
}

/** The old folder may be on another disk. A crash leaves both copies, which have the same key. */
async function moveFile(files: Files, from: string, to: string): Promise<void> {
  try {
    await files.rename(from, to);
  } catch (thrown) {
    unlessOnOtherDisk(thrown);
    await writeDurably(files, to, await readWhole(files, from, MAX_ENTRY_HEAD_BYTES), 0o600);
    await files.remove(from);
  }
}

function unlessOnOtherDisk(thrown: unknown): void {
  if (asCoded(thrown).facts['errno'] !== 'EXDEV') throw thrown;
}
