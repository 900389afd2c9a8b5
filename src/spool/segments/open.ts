// Opens the store of documents: its folder, the spool of its batches, and the remains of a crash.

import { join } from 'node:path';
import { asCoded, type CodedError } from '#errors/coded-error.ts';
import { openSpool } from '#spool/open.ts';
import type { SpoolKind, SpoolPorts } from '#spool/spool.ts';
import { ownFolder, requireOwnFolder } from '#system/own-folder.ts';
import { checkRange } from './content.ts';
import { Documents, type StoreOptions } from './documents.ts';
import { SegmentFolder } from './folder.ts';
import { IdSequence } from './ids.ts';
import { loadSegments } from './load.ts';
import { DOCUMENTS } from './names.ts';
import { type BatchRange, batchRangeSchema, compareKeys, segmentOfKey } from './range.ts';

/** The quota of documents limits batches: each has at least one document, which was accepted. */
const NO_LIMIT = { entries: Number.MAX_SAFE_INTEGER, bytes: Number.MAX_SAFE_INTEGER };
/** Refused documents, and heads that cannot be read. */
const ASIDE_QUOTA = { entries: 10_000, bytes: 64 * 1_048_576 };

/** Opens the store. @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE, FILE-* */
export async function openDocuments(ports: SpoolPorts, options: StoreOptions): Promise<Documents> {
  const { files, outbox, clock, report } = ports;
  const dir = join(outbox, DOCUMENTS);
  const folderOf = { mode: 0o700, what: 'the spool' };
  await requireOwnFolder(files, outbox, folderOf);
  await ownFolder(files, dir, folderOf);
  const folder = new SegmentFolder(files, dir, report);
  await folder.quarantine.load().catch(asCoded);
  const setAside = (error: CodedError) => ({ name: 'batch-quarantined' as const, ...options.scope, error });
  const loaded = await loadSegments(folder, { now: clock.now(), report, setAside });

  let isHeadLost = false;
  let documents: Documents | null = null;
  const kind: SpoolKind<BatchRange> = {
    name: 'batch',
    quota: NO_LIMIT,
    asideQuota: ASIDE_QUOTA,
    compare: compareKeys,
    body: batchRangeSchema,
    content: {
      measure: ({ length, documents: items }) => ({ bytes: length, items }),
      check: (range, signal) => checkRange(folder, range, signal),
      left: async (key, how) => await documents?.released(key, how),
    },
    setAside: (error) => {
      isHeadLost ||= documents === null;
      return setAside(error);
    },
  };
  const batches = await openSpool(ports, kind);
  const isNeeded = (id: string) => batches.some((key) => segmentOfKey(key) === id);
  await sweep(folder, { isHeadLost, isNeeded });
  const ids = new IdSequence(clock);
  for (const id of folder.ids) ids.startAfter(id);
  documents = new Documents({ folder, ids, batches, clock, report, options }, loaded);
  await documents.start();
  return documents;
}

/** Deletes queued segments to which no batch refers. */
async function sweep(
  folder: SegmentFolder,
  { isHeadLost, isNeeded }: { isHeadLost: boolean; isNeeded: (id: string) => boolean },
): Promise<void> {
  for (const id of folder.ids) {
    const state = folder.stateOf(id);
    if (state !== 'queued' && state !== 'damaged') continue;
    // The lost head may refer to this segment, so it is kept: in this run, then in `quarantine/`.
    if (isHeadLost) await folder.move(id, 'damaged').catch(asCoded);
    else if (!isNeeded(id)) await folder.remove(id).catch(asCoded);
  }
}
