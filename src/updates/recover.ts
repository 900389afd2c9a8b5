// Cleans up after an interruption, at the start of every check for updates, before the feed is read.
//
// If the JAR of a journal already has its final name, the publication is completed (sidecar, receipt, history). If
// there are staged bytes, the download is resumed later. A file in the staging folder without a journal is removed if
// it is a regular file of this user. Any other file is from another user or program; it is reported and not changed.

import { join } from 'node:path';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { digestFile } from '#system/digest.ts';
import { removeDurably } from '#system/durable.ts';
import type { FileFacts } from '#system/files.ts';
import { closeJournal, type Journal, listJournals, listStrays, stagedPath } from '#transfer/journal.ts';
import { type JournalNote, readNote } from './package/journal-note.ts';
import { finishPublication } from './package/publish.ts';
import type { UpdatesPorts } from './ports.ts';
import { acceptReceipt } from './receipts/acknowledge.ts';

/** Cleans up staging and store. */
export async function recover(ports: UpdatesPorts, signal: AbortSignal): Promise<void> {
  await removeStrays(ports);
  for (const staged of await listJournals(ports.files, ports.store.stagingDir)) {
    if (staged.kind === 'closed') {
      ports.report({ name: 'package-problem', id: staged.name, error: staged.error });
    } else if (staged.kind === 'unreadable') {
      ports.report({ name: 'discarded', id: staged.name, reason: staged.error.safeText });
      await closeJournal(ports.files, ports.store.stagingDir, staged.name);
    } else {
      await recoverAlone(ports, staged.journal, signal);
    }
  }
  await finishWithdrawals(ports);
}

/** If it cannot be finished now (a full spool, a full disk), it keeps its journal and does not stop the others. */
async function recoverAlone(ports: UpdatesPorts, journal: Journal, signal: AbortSignal): Promise<void> {
  try {
    await recoverOne(ports, journal, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    const error = asCoded(thrown);
    if (error.code === 'DISK-FULL') throw error;
    ports.report({ name: 'package-problem', id: journal.name, error });
  }
}

/** Deletes bytes that the feed no longer wants. A journal without bytes belongs to a package with its final name. */
export async function discardUnwanted(ports: UpdatesPorts, wanted: ReadonlySet<string>): Promise<void> {
  for (const staged of await listJournals(ports.files, ports.store.stagingDir)) {
    const name = staged.kind === 'journal' ? staged.journal.name : staged.name;
    if (wanted.has(name) || (await ports.files.facts(stagedPath(ports.store.stagingDir, name))) === null) continue;
    const isReady = staged.kind === 'journal' && readNote(staged.journal)?.ready !== undefined;
    if (isReady) ports.report({ name: 'ready-discarded', id: name, reason: 'the feed no longer offers it' });
    else ports.report({ name: 'discarded', id: name, reason: 'the feed no longer lists it' });
    await closeJournal(ports.files, ports.store.stagingDir, name);
  }
}

/**
 * Withdraws a published package: moves it aside, reports it to the vendor, removes its records. Repeating any part is
 * harmless.
 */
export async function withdraw(ports: UpdatesPorts, called: string): Promise<void> {
  // Case-insensitive: the feed may spell the id differently than when the package was published.
  const published = (await ports.store.list()).find((one) => one.id.toLowerCase() === called.toLowerCase());
  if (published === undefined) return;
  const { item } = published.sidecar;
  const { id } = published;
  ports.memory.setId(id, { sha256: item.sha256, fate: 'withdrawn' });
  await ports.memory.save();
  const path = await ports.store.moveAside(id, 'withdrawn');
  ports.report({ name: 'withdrawn', id, path });
  await acceptReceipt(ports, { item, outcome: 'withdrawn', elapsedMs: 0 });
  await ports.hooks.forget(id);
  await ports.store.forget(id);
}

async function recoverOne(ports: UpdatesPorts, journal: Journal, signal: AbortSignal): Promise<void> {
  const note = readNote(journal);
  const { stagingDir } = ports.store;
  if (note === null) {
    ports.report({ name: 'discarded', id: journal.name, reason: 'its journal was not written by Sallyport' });
    await closeJournal(ports.files, stagingDir, journal.name);
    return;
  }
  if ((await ports.files.facts(stagedPath(stagingDir, journal.name))) !== null) return;
  if (!(await isPublishedAs(ports, journal, signal))) {
    await closeJournal(ports.files, stagingDir, journal.name);
    return;
  }
  await finishPublication(ports, {
    note,
    url: journal.url,
    via: null,
    elapsedMs: elapsedSince(note, ports.clock.now()),
  });
  ports.report({ name: 'recovered', id: journal.name, stage: 'published but not acknowledged' });
}

async function isPublishedAs(ports: UpdatesPorts, journal: Journal, signal: AbortSignal): Promise<boolean> {
  const path = ports.store.jarPath(journal.name);
  const facts = await ports.files.facts(path);
  if (facts?.kind !== 'file' || facts.size !== journal.length) return false;
  const file = await ports.files.openToRead(path);
  try {
    return (await digestFile(file, signal)) === journal.sha256;
  } finally {
    await file.close();
  }
}

function elapsedSince(note: JournalNote, nowMs: number): number {
  return Math.max(0, nowMs - note.started_at);
}

async function removeStrays(ports: UpdatesPorts): Promise<void> {
  const { stagingDir } = ports.store;
  for (const stray of await listStrays(ports.files, stagingDir)) {
    const path = join(stagingDir, stray);
    const facts = await ports.files.facts(path);
    if (facts === null) continue;
    if (facts.kind === 'file' && facts.links === 1) {
      await removeDurably(ports.files, path);
      continue;
    }
    const error = classifyStray(path, facts);
    ports.report({ name: 'staging-problem', error });
  }
}

async function finishWithdrawals(ports: UpdatesPorts): Promise<void> {
  for (const { id } of await ports.store.list()) {
    const fate = ports.memory.id(id)?.fate;
    try {
      if (fate === 'withdrawn') await withdraw(ports, id);
      if (fate === 'pruned') await ports.store.remove(id);
    } catch (thrown) {
      const error = asCoded(thrown);
      ports.report({ name: 'package-problem', id, error });
    }
  }
}

function classifyStray(path: string, { kind, links }: FileFacts): CodedError {
  if (kind === 'symbolic link') return coded('FILE-SYMLINK', { path });
  if (kind === 'file') return coded('FILE-LINKED', { path, links });
  return coded('FILE-SPECIAL', { path, kind });
}
