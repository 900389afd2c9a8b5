// Copies a package from a medium into the staging folder, where the ordinary steps verify and publish it.
//
// Guarantees: the journal is written first, as for a download, so a crash leaves what an interrupted download leaves. A
// file with another digest is deleted. At most as many bytes are read as the feed lists.

import { createHash } from 'node:crypto';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { Files } from '#system/files.ts';
import { writeAll } from '#system/files.ts';
import { closeJournal, stagedPath, writeJournal } from '#transfer/journal.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import type { MediumFile } from './medium-files.ts';

const SLICE_BYTES = 65_536;
/** Bytes that are copied before the event loop runs again, and between two reports of the progress. */
const TURN_BYTES = 4 * 1_048_576;

interface StagedPackage {
  readonly item: FeedItem;
  /** For the journal. */
  readonly note: unknown;
  readonly signal: AbortSignal;
}

/** Returns the digest of a file that is not the package, in hex; null for the package. @throws CodedError FILE-*, DISK-FULL */
export async function stagePackage(
  { files, store, report }: Pick<UpdatesPorts, 'files' | 'store' | 'report'>,
  source: MediumFile,
  { item, note, signal }: StagedPackage,
): Promise<string | null> {
  const { id: name, length, sha256 } = item;
  let found: string;
  try {
    await closeJournal(files, store.stagingDir, name);
    const { url } = source;
    await writeJournal(files, store.stagingDir, { name, url, length, sha256, validator: null, note });
    const to = stagedPath(store.stagingDir, name);
    const progress = (received: number) => report({ name: 'progress', id: name, received, length });
    found = await copyFile(files, { source, to, maxBytes: length, progress }, signal);
  } finally {
    await source.close();
  }
  if (found === sha256) return null;
  await closeJournal(files, store.stagingDir, name);
  return found;
}

interface Copied {
  readonly source: MediumFile;
  readonly to: string;
  readonly maxBytes: number;
  progress(received: number): void;
}

/** Copies at most `maxBytes`. Returns the digest of the copy, hex. */
async function copyFile(
  files: Files,
  { source, to, maxBytes, progress }: Copied,
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
      if (position % TURN_BYTES >= SLICE_BYTES) continue;
      progress(position);
      await yieldToLoop();
    }
    await copy.sync();
    return hash.digest('hex');
  } finally {
    await copy.close();
  }
}
