// Reads the folder of segments at the start and cleans up after a crash.
//
// Guarantees: all acknowledged documents are found, and a submission that was not committed is deleted. Only segments
// without a batch are read, so the time does not depend on the number of waiting documents. A segment that cannot be
// used is set aside and reported, and the others are loaded.

import { join } from 'node:path';
import { asCoded, coded, isExhaustion } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { hashRange } from '#system/digest.ts';
import { isAboutContent, loadState } from '#system/state-file.ts';
import type { SealedSegment } from './appender.ts';
import type { SegmentFolder } from './folder.ts';
import { idTime } from './ids.ts';
import { type Committed, commitReader } from './large-submission.ts';
import { type Scanned, SegmentScan } from './line.ts';
import { readSegmentName } from './names.ts';

const CHUNK_BYTES = 65_536;

export interface SegmentLoadOptions {
  /** Wall time, ms since the epoch. */
  readonly now: number;
  readonly report: (event: SallyportEvent) => void;
  readonly setAside: (error: ReturnType<typeof asCoded>) => SallyportEvent;
}

/** What has no batch yet. */
export interface LoadedSegments {
  readonly sealed: readonly SealedSegment[];
  readonly committed: readonly Committed[];
}

/** Loads the folder. @throws CodedError STATE-UNREADABLE, FILE-* when the folder itself cannot be read */
export async function loadSegments(folder: SegmentFolder, options: SegmentLoadOptions): Promise<LoadedSegments> {
  const { files, dir } = folder;
  const own = (await files.list(dir)).map((name) => ({ name, own: readSegmentName(name) }));
  const { committed, isLost } = await loadCommits(folder, own, options);
  const listed = new Set(committed.flatMap(({ segments }) => segments.map(({ id }) => id)));
  const sealed: SealedSegment[] = [];
  for (const { name, own: found } of own) {
    if (found?.kind !== 'segment') continue;
    const { id, state } = found;
    const facts = await files.facts(join(dir, name));
    if (facts?.kind !== 'file') continue;
    folder.set(id, { state, length: facts.size });
    if (state === 'incoming' && !listed.has(id)) {
      // Without its record it is unknown whether the submission was acknowledged.
      if (isLost) await folder.move(id, 'damaged');
      await folder.remove(id);
    }
    if (state === 'segment') sealed.push(...(await recover(folder, id, options)));
  }
  // A process that died may have left names that a power cut would lose; from here on they must be durable.
  await files.syncDirectory(dir);
  return { sealed, committed };
}

async function loadCommits(
  { files, dir }: SegmentFolder,
  own: readonly { readonly name: string; readonly own: ReturnType<typeof readSegmentName> }[],
  { report, setAside }: SegmentLoadOptions,
): Promise<{ readonly committed: readonly Committed[]; readonly isLost: boolean }> {
  const committed: Committed[] = [];
  let isLost = false;
  for (const { name, own: found } of own) {
    if (found?.kind !== 'commit') continue;
    const path = join(dir, name);
    // An empty record was taken back: an intact one is complete before it has its name.
    const isTakenBack = found.unfinished || (await files.facts(path))?.size === 0;
    if (isTakenBack) {
      await files.remove(path).catch(asCoded);
      continue;
    }
    const loaded = await loadState(files, path, commitReader);
    if (loaded.kind === 'loaded') committed.push({ segments: loaded.value, record: found.id });
    if (loaded.kind !== 'set-aside') continue;
    isLost = true;
    report(setAside(loaded.error));
  }
  return { committed, isLost };
}

/** A segment that submissions shared: what was acknowledged in it, which may be nothing. */
async function recover(
  folder: SegmentFolder,
  id: string,
  options: SegmentLoadOptions,
): Promise<readonly SealedSegment[]> {
  const path = folder.path(id, 'segment');
  try {
    const { scanned, sha256 } = await scan(folder, path);
    const { length, documents, isDamaged } = scanned;
    if (isDamaged) {
      const reason = `documents after byte ${length} were changed`;
      options.report(options.setAside(coded('STATE-DAMAGED', { path, reason, aside: folder.path(id, 'damaged') })));
    }
    if (length === 0) {
      if (isDamaged) await folder.move(id, 'damaged');
      await folder.remove(id);
      return [];
    }
    return [{ id, length, documents, sha256, receivedAtMs: Math.min(options.now, idTime(id)), isDamaged }];
  } catch (thrown) {
    const error = asCoded(thrown);
    // It is read at the next start.
    if (isExhaustion(error) || !isAboutContent(error)) folder.forget(id);
    else {
      await folder.move(id, 'damaged');
      await folder.remove(id);
    }
    options.report(options.setAside(error));
    return [];
  }
}

async function scan(folder: SegmentFolder, path: string): Promise<{ scanned: Scanned; sha256: string }> {
  const file = await folder.files.openToWrite(path);
  try {
    const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    const found = new SegmentScan();
    let position = 0;
    for (let got = -1; got !== 0; position += got) {
      got = file.read(buffer, position);
      found.take(buffer.subarray(0, got));
    }
    const scanned = found.end();
    // A killed process may have written documents that a power cut would lose.
    await file.sync();
    const hash = await hashRange(file, { from: 0, to: scanned.length }, new AbortController().signal);
    return { scanned, sha256: hash.digest('hex') };
  } finally {
    await file.close();
  }
}
