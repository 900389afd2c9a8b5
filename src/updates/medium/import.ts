// Publishes updates from a folder or a tar archive, by the same verification as from the network, metadata included.
//
// Guarantees: what is published is signed for the trusted root, and versions of the metadata never go back. A package
// is copied into the staging folder, where the ordinary steps verify and publish it, so a crash leaves what an
// interrupted download leaves. Expired metadata are refused, unless the request accepts them up to an age, which is
// logged. Receipts wait in the spool until the vendor can be reached.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { coded } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { writeAll } from '#system/files.ts';
import { closeJournal, stagedPath, writeJournal } from '#transfer/journal.ts';
import type { SignedTarget, TrustStatus } from '#trust/tuf/types.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { type RoundReport, runRound } from '#updates/round.ts';
import { TufFeed } from '#updates/signed/tuf-feed.ts';
import { DirectorySource, findTarget, MEDIUM_METADATA, MEDIUM_TARGETS, missingTarget } from './directory-source.ts';
import { unpackTar } from './unpack-tar.ts';

const SLICE_BYTES = 65_536;
/** Bytes that are copied before the event loop runs again. */
const TURN_BYTES = 4 * 1_048_576;

export interface ImportRequest {
  /** A folder with `metadata/` and `targets/`, or a tar archive with them. */
  readonly path: string;
  /** How long ago metadata may have expired, in milliseconds; 0 accepts no expired ones. */
  readonly maxAgeMs: number;
  /** Who requests it, for the log. */
  readonly by: string;
  /** A folder of ours on this host, for the content of an archive. */
  readonly unpackDir: string;
}

/** @throws CodedError IMPORT-UNSIGNED, IMPORT-ARCHIVE, FILE-*, DISK-FULL; failures of the round are in its report */
export async function importUpdates(
  ports: UpdatesPorts,
  request: ImportRequest,
  signal: AbortSignal,
): Promise<RoundReport> {
  const { files, report } = ports;
  const { path, by, unpackDir } = request;
  if (ports.settings().updates.trust !== 'tuf') throw coded('IMPORT-UNSIGNED', { path });
  report({ name: 'importing', path, by });
  const isArchive = (await files.facts(path))?.kind === 'file';
  if (!isArchive) return await importFolder(ports, path, { request, signal });
  await removeTree(files, unpackDir);
  try {
    await unpackTar(files, { archive: path, dir: unpackDir }, signal);
    return await importFolder(ports, unpackDir, { request, signal });
  } finally {
    await removeTree(files, unpackDir);
  }
}

async function importFolder(
  ports: UpdatesPorts,
  dir: string,
  { request, signal }: { readonly request: ImportRequest; readonly signal: AbortSignal },
): Promise<RoundReport> {
  const { files } = ports;
  if ((await files.facts(join(dir, MEDIUM_METADATA))) === null)
    throw coded('IMPORT-ARCHIVE', { path: dir, reason: 'it has no folder metadata' });
  const folder = (name: string) => new URL(`${pathToFileURL(join(dir, name)).href}/`);
  const feed = new TufFeed(ports, {
    copy: { metadata: folder(MEDIUM_METADATA), targets: folder(MEDIUM_TARGETS), credentials: false, isMirror: false },
    source: new DirectorySource(files, dir),
    expiryGraceMs: request.maxAgeMs,
    refreshed: (status) => reportAge(ports, status, request),
    stage: (wanted) => stageFrom(ports, dir, { ...wanted, signal }),
  });
  // A medium does not change while it is read, so nothing is tried again.
  const settings = () => ({ ...ports.settings(), retry: { ...ports.settings().retry, attempts: 1 } });
  return await runRound({ ...ports, feed, settings }, signal);
}

/** Says how long the metadata are valid, or since when they are not. */
function reportAge({ clock, report }: UpdatesPorts, { roles }: TrustStatus, { by, maxAgeMs }: ImportRequest): void {
  const now = clock.now();
  for (const { role, version, expiresMs } of roles) {
    if (role === 'timestamp') report({ name: 'import-read', version, at: expiresMs });
    if (expiresMs < now) report({ name: 'import-expired', role, version, age: now - expiresMs, by, limit: maxAgeMs });
  }
}

interface StagedPackage {
  readonly target: SignedTarget;
  readonly item: FeedItem;
  readonly note: unknown;
  readonly signal: AbortSignal;
}

/**
 * Copies a package into the staging folder: the journal first, as a download does. A file that is not the signed one is
 * deleted.
 * @throws CodedError TUF-MISSING, TUF-MISMATCH
 */
async function stageFrom(
  { files, store }: UpdatesPorts,
  dir: string,
  { target, item, note, signal }: StagedPackage,
): Promise<void> {
  const { id: name, length, sha256 } = item;
  const staged = stagedPath(store.stagingDir, name);
  const path = await findTarget(files, dir, target.names);
  if (path === null) throw missingTarget(target.names);
  await closeJournal(files, store.stagingDir, name);
  await writeJournal(files, store.stagingDir, {
    name,
    url: pathToFileURL(path).href,
    length,
    sha256,
    validator: null,
    note,
  });
  const found = await copyFile(files, { from: path, to: staged, maxBytes: length }, signal);
  if (found === sha256) return;
  await closeJournal(files, store.stagingDir, name);
  const facts = { file: target.path, role: target.role, what: 'sha256', expected: sha256, clause: '5.7.3' };
  throw coded('TUF-MISMATCH', { ...facts, found, listedBy: 'the metadata' });
}

/** Copies at most `maxBytes`. Returns the digest of the copy, hex. */
async function copyFile(
  files: Files,
  { from, to, maxBytes }: { readonly from: string; readonly to: string; readonly maxBytes: number },
  signal: AbortSignal,
): Promise<string> {
  const source = await files.openToRead(from);
  const hash = createHash('sha256');
  try {
    const copy = await files.create(to, 0o644);
    try {
      const buffer = new Uint8Array(SLICE_BYTES);
      for (let position = 0; position < maxBytes; ) {
        signal.throwIfAborted();
        const read = source.read(buffer.subarray(0, Math.min(SLICE_BYTES, maxBytes - position)), position);
        if (read === 0) break;
        writeAll(copy, buffer.subarray(0, read), position);
        hash.update(buffer.subarray(0, read));
        position += read;
        if (position % TURN_BYTES < SLICE_BYTES) await yieldToLoop();
      }
      await copy.sync();
      return hash.digest('hex');
    } finally {
      await copy.close();
    }
  } finally {
    await source.close();
  }
}

/** Deletes a folder of ours with everything in it. */
async function removeTree(files: Files, path: string): Promise<void> {
  for (const name of await files.list(path)) {
    const inner = join(path, name);
    if ((await files.facts(inner))?.kind === 'directory') await removeTree(files, inner);
    else await files.remove(inner);
  }
  await files.removeFolder(path);
}
