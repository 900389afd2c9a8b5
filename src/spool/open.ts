// Opens the queue (spool) of one kind of data: its folder, its settled keys, the waiting entries, and the remains of a
// crash.

import { join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import { ownFolder, requireOwnFolder } from '#system/own-folder.ts';
import { KindFolder } from './folder.ts';
import type { SpoolKind } from './kind.ts';
import { KindSpool } from './kind-spool.ts';
import { loadFolder } from './load.ts';
import { moveFrom } from './move-from.ts';
import { Queue, toQueuedEntry } from './queue.ts';
import { SettledKeys } from './settled-keys.ts';
import type { Spool, SpoolPorts } from './spool.ts';

/**
 * Opens the spool of a kind: creates a missing folder, cleans up after a crash, sets unreadable files aside.
 * @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE, FILE-*
 */
export async function openSpool<Body>(ports: SpoolPorts, kind: SpoolKind<Body>): Promise<Spool<Body>> {
  const { files, outbox, formerDir, clock, report } = ports;
  const dir = join(outbox, kind.name);
  const folderOf = { mode: 0o700, what: 'the spool' };
  await requireOwnFolder(files, outbox, folderOf);
  await ownFolder(files, dir, folderOf);
  const { settled, error } = await SettledKeys.open(files, dir);
  if (error !== null) report({ name: 'state-set-aside', error });
  if (formerDir !== undefined) await moveFrom(formerDir, { files, dir, settled, report });
  const folder = new KindFolder(files, dir, { quota: kind.asideQuota ?? kind.quota, report });
  const lastRejected = await folder.rejected.load();
  // Sending the waiting entries does not need the quarantine.
  await folder.quarantine.load().catch(tolerate);
  const loaded = await loadFolder({ folder, kind, settled, report });
  const nextSequence = Math.max(loaded.nextSequence, lastRejected + 1);
  const queue = new Queue({ clock, quota: kind.quota, dir, nextSequence, compare: kind.compare });
  for (const found of loaded.entries) queue.keep(toQueuedEntry(kind, found));
  return new KindSpool(ports, { kind, folder, settled, queue, unlisted: loaded.unlisted });
}

function tolerate(thrown: unknown): void {
  if (!(thrown instanceof CodedError)) throw thrown;
}
