// Publishes updates from a folder or a tar archive. Metadata and packages are verified as if they came over the
// network.
//
// Guarantees: the signatures of everything that is published lead back to the trusted root, and versions of the
// metadata never go back. A package is copied into the staging folder, where the ordinary steps verify and publish it.
// A crash therefore leaves what an interrupted download leaves. Expired metadata is refused, unless the request names a
// maximum age for it; this is logged. Receipts wait in the spool until the vendor can be reached.

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
import { withoutDownloadHours } from '#updates/hold/windows.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { type RoundReport, runRound } from '#updates/round.ts';
import { TufFeed } from '#updates/signed/tuf-feed.ts';
import { ArchiveFiles } from './archive-files.ts';
import {
  FolderFiles,
  MEDIUM_METADATA,
  MEDIUM_TARGETS,
  type MediumFile,
  type MediumFiles,
  openTarget,
} from './medium-files.ts';
import { MediumSource } from './medium-source.ts';

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
}

/** @throws CodedError IMPORT-UNSIGNED, IMPORT-ARCHIVE, FILE-*; failures of the round are in its report */
export async function importUpdates(
  ports: UpdatesPorts,
  request: ImportRequest,
  signal: AbortSignal,
): Promise<RoundReport> {
  const { path, by } = request;
  if (ports.settings().updates.trust !== 'tuf') throw coded('IMPORT-UNSIGNED', { path });
  ports.report({ name: 'importing', path, by });
  const medium = await openMedium(ports.files, path, signal);
  try {
    return await importFrom(ports, medium, { request, signal });
  } finally {
    await medium.close();
  }
}

async function openMedium(files: Files, path: string, signal: AbortSignal): Promise<MediumFiles> {
  const noMetadata = () => coded('IMPORT-ARCHIVE', { path, reason: 'it has no folder metadata' });
  if ((await files.facts(path))?.kind !== 'file') {
    if ((await files.facts(join(path, MEDIUM_METADATA))) === null) throw noMetadata();
    return new FolderFiles(files, path);
  }
  const archive = await ArchiveFiles.open(files, path, { signal });
  if (archive.has(MEDIUM_METADATA)) return archive;
  await archive.close();
  throw noMetadata();
}

async function importFrom(
  ports: UpdatesPorts,
  medium: MediumFiles,
  { request, signal }: { readonly request: ImportRequest; readonly signal: AbortSignal },
): Promise<RoundReport> {
  const folder = (name: string) => new URL(`${pathToFileURL(join(request.path, name)).href}/`);
  const feed = new TufFeed(ports, {
    copy: { metadata: folder(MEDIUM_METADATA), targets: folder(MEDIUM_TARGETS), credentials: false, isMirror: false },
    source: new MediumSource(medium),
    expiryGraceMs: request.maxAgeMs,
    refreshed: (status) => reportAge(ports, status, request),
    stage: (wanted) => stageFrom(ports, medium, { ...wanted, signal }),
  });
  // A medium does not change while it is read, so nothing is tried again.
  const settings = () => ({ ...ports.settings(), retry: { ...ports.settings().retry, attempts: 1 } });
  const windows = withoutDownloadHours(ports.windows);
  return await runRound({ ...ports, feed, settings, windows }, signal);
}

/** Says how long the metadata is valid, or since when it has been expired. */
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
  medium: MediumFiles,
  { target, item, note, signal }: StagedPackage,
): Promise<void> {
  const { id: name, length, sha256 } = item;
  const staged = stagedPath(store.stagingDir, name);
  const source = await openTarget(medium, target.names);
  let found: string;
  try {
    await closeJournal(files, store.stagingDir, name);
    const { url } = source;
    await writeJournal(files, store.stagingDir, { name, url, length, sha256, validator: null, note });
    found = await copyFile(files, { source, to: staged, maxBytes: length }, signal);
  } finally {
    await source.close();
  }
  if (found === sha256) return;
  await closeJournal(files, store.stagingDir, name);
  const facts = { file: target.path, role: target.role, what: 'sha256', expected: sha256, clause: '5.7.3' };
  throw coded('TUF-MISMATCH', { ...facts, found, listedBy: 'the metadata' });
}

/** Copies at most `maxBytes`. Returns the digest of the copy, hex. */
async function copyFile(
  files: Files,
  { source, to, maxBytes }: { readonly source: MediumFile; readonly to: string; readonly maxBytes: number },
  signal: AbortSignal,
): Promise<string> {
  const hash = createHash('sha256');
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
}
