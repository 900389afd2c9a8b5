// Opens the store of documents with the limits from the configuration.

import { join } from 'node:path';
import { purposeRow } from '#config/purposes.ts';
import type { Documents } from '#spool/segments/documents.ts';
import type { PurposePorts } from './ports.ts';

const PURPOSE = 'exposure_analytics';
/** The folders of the store in the outbox, with the names in them that are not data that waits. */
const FOLDERS = { documents: ['quarantine'], batch: ['settled.log', 'rejected', 'quarantine'] } as const;

/** Opens it; it is made if it is missing. @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE, FILE-* */
export async function openStore(ports: PurposePorts): Promise<Documents> {
  const { openDocuments } = await import('#spool/segments/open.ts');
  const { files, outbox, clock, report, settings } = ports;
  const section = () => settings()[PURPOSE];
  return await openDocuments(
    { files, outbox, clock, report, ballast: await ports.ballast() },
    {
      scope: { purpose: PURPOSE, thread: purposeRow(PURPOSE).thread },
      quota: () => ({ documents: section().spool_max_documents, bytes: section().spool_max_bytes }),
      sealAfterMs: () => section().batch_max_age_seconds * 1_000,
    },
  );
}

/** Whether documents wait that an earlier run accepted. Makes nothing. @throws CodedError FILE-* */
export async function hasWaitingDocuments({ files, outbox }: Pick<PurposePorts, 'files' | 'outbox'>): Promise<boolean> {
  for (const [name, others] of Object.entries(FOLDERS)) {
    const dir = join(outbox, name);
    if ((await files.facts(dir)) === null) continue;
    const names = await files.list(dir);
    if (names.some((one) => !(others as readonly string[]).includes(one))) return true;
  }
  return false;
}
