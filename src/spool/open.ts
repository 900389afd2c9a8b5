// Opens the spool of one kind: its folder, its memory of settled keys, what waits, what a crash left.

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
 * Opens the spool of a kind, makes its folder when it is not there, clears what a crash left, sets aside what cannot be
 * read. @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE, FILE-*
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
  const folder = new KindFolder(files, dir, { quota: kind.quota, report });
  const lastRejected = await folder.rejected.load();
  // Nothing there is needed to send what waits.
  await folder.quarantine.load().catch(tolerate);
  const loaded = await loadFolder({ folder, kind, settled, report });
  const nextSequence = Math.max(loaded.nextSequence, lastRejected + 1);
  const queue = new Queue({ clock, quota: kind.quota, dir, nextSequence });
  for (const found of loaded.entries) queue.keep(toQueuedEntry(found));
  return new KindSpool(ports, { kind, folder, settled, queue, buried: loaded.buried });
}

function tolerate(thrown: unknown): void {
  if (!(thrown instanceof CodedError)) throw thrown;
}
