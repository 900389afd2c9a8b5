// Packages that are ready: complete and verified in the staging folder, but not to be published yet.
//
// Guarantees: the journal of a ready package has all that is needed to publish it without the network. Before that, its
// bytes are hashed and verified again, because they may have waited for weeks. Relies on the order of writes in
// `publish.ts`. A crash leaves the package ready, or an interrupted publication, which the next round completes.

import { asCoded, coded } from '#errors/coded-error.ts';
import { digestFile } from '#system/digest.ts';
import type { FileIdentity } from '#system/files.ts';
import {
  closeJournal,
  type Journal,
  listJournals,
  readJournal,
  stagedPath,
  syncStaged,
  writeJournal,
} from '#transfer/journal.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import type { Closure } from '#updates/hold/hold.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import type { Downloaded } from './download.ts';
import { type JournalNote, readNote } from './journal-note.ts';
import type { Publisher } from './publisher.ts';
import { verify } from './verify.ts';

type ReadyNote = NonNullable<JournalNote['ready']>;

/** A package that only waits to be published. */
export interface ReadyPackage {
  readonly item: FeedItem;
  readonly note: JournalNote & { readonly ready: ReadyNote };
  readonly url: string;
}

/** Every package that is ready, in the order in which they were verified. */
export async function listReady(ports: Pick<UpdatesPorts, 'files' | 'store'>): Promise<ReadyPackage[]> {
  const found: ReadyPackage[] = [];
  for (const staged of await listJournals(ports.files, ports.store.stagingDir)) {
    const ready = staged.kind === 'journal' ? await readyOf(ports, staged.journal) : null;
    if (ready !== null) found.push(ready);
  }
  return found.toSorted((a, b) => a.note.ready.at - b.note.ready.at);
}

/** The ready package of this id; null if it is not ready. */
export async function findReady(
  ports: Pick<UpdatesPorts, 'files' | 'store'>,
  id: string,
): Promise<ReadyPackage | null> {
  const journal = await readJournal(ports.files, ports.store.stagingDir, id);
  return journal === null ? null : await readyOf(ports, journal);
}

async function readyOf(
  { files, store }: Pick<UpdatesPorts, 'files' | 'store'>,
  journal: Journal,
): Promise<ReadyPackage | null> {
  const note = readNote(journal);
  if (note?.ready === undefined) return null;
  const facts = await files.facts(stagedPath(store.stagingDir, journal.name));
  if (facts?.kind !== 'file' || facts.size !== journal.length) return null;
  return { item: note.item, note: { ...note, ready: note.ready }, url: journal.url };
}

/** Records durably that a verified download is ready. */
export async function keepReady(
  ports: UpdatesPorts,
  { fetched, url, elapsedMs, note }: Downloaded,
  { kind, untilMs }: Closure,
): Promise<void> {
  const { id } = note.item;
  const ready: ReadyNote = { at: ports.clock.now(), elapsed_ms: elapsedMs, via: fetched.via };
  const [failure = null] = fetched.isSynced ? [] : await syncStaged(ports.files, ports.store.stagingDir, [id]);
  if (failure !== null) throw failure;
  await writeNote(ports, { note: { ...note, ready }, url: url.href });
  ports.report({ name: kind === 'hold' ? 'update-ready' : 'ready-waits', id, at: untilMs });
}

/**
 * Takes over what the feed now says about a ready package, such as other notes or another kind of trust. The digest is
 * the same.
 */
export async function refreshReady(
  ports: UpdatesPorts,
  { note, url }: ReadyPackage,
  now: Pick<JournalNote, 'item' | 'trust' | 'feed' | 'feed_target'>,
): Promise<void> {
  const isSame =
    note.trust === now.trust &&
    note.feed === now.feed &&
    note.feed_target === now.feed_target &&
    JSON.stringify(note.item) === JSON.stringify(now.item);
  if (!isSame) await writeNote(ports, { note: { ...note, ...now }, url });
}

async function writeNote(
  { files, store }: UpdatesPorts,
  { note, url }: { readonly note: JournalNote; readonly url: string },
): Promise<void> {
  const { id: name, length, sha256 } = note.item;
  const before = await readJournal(files, store.stagingDir, name);
  await writeJournal(files, store.stagingDir, {
    name,
    url,
    length,
    sha256,
    validator: before?.validator ?? null,
    note,
  });
}

/**
 * Hashes and verifies a ready package again, then publishes it. Returns why it was not published, or null.
 * @throws CodedError READY-DAMAGED when the bytes changed meanwhile; they are deleted then. FILE-*, DISK-FULL
 */
export async function publishReady(
  ports: UpdatesPorts,
  ready: ReadyPackage,
  { publisher, signal }: { readonly publisher: Publisher; readonly signal: AbortSignal },
): Promise<Closure | null> {
  const { note, url } = ready;
  const file = await verifyAgain(ports, ready, signal);
  const { via, elapsed_ms: elapsedMs } = note.ready;
  return await publisher.publish({ fetched: { ...file, isSynced: true }, note, url, via, elapsedMs });
}

async function verifyAgain(
  ports: UpdatesPorts,
  { item }: ReadyPackage,
  signal: AbortSignal,
): Promise<{ readonly path: string; readonly file: FileIdentity }> {
  const { files, store } = ports;
  const path = stagedPath(store.stagingDir, item.id);
  const { sha256, facts } = await digestOf(ports, path, signal);
  const same = {
    isSynced: true,
    keptBytes: item.length,
    keptSha256: sha256,
    usedRanges: false,
    longestSilenceMs: null,
    via: null,
    from: null,
    source: null,
  };
  try {
    await verify(files, { path, file: facts, sha256, length: item.length, ...same }, item);
  } catch (thrown) {
    const error = asCoded(thrown);
    if (error.entry.class !== 'content') throw error;
    await closeJournal(files, store.stagingDir, item.id);
    throw coded('READY-DAMAGED', { id: item.id, found: sha256, expected: item.sha256 }, error);
  }
  ports.report({ name: 'verified', id: item.id, sha256 });
  return { path, file: facts };
}

async function digestOf({ files }: UpdatesPorts, path: string, signal: AbortSignal) {
  const file = await files.openToRead(path);
  try {
    return { sha256: await digestFile(file, signal), facts: file.facts() };
  } finally {
    await file.close();
  }
}
