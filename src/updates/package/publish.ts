// The fourth step: the rename of the verified JAR commits the publication. Then the sidecar, the receipt, the history
// and the entry for the hook are written. After a crash, these steps are repeated from the journal, which is therefore
// removed last. Repeating a step is harmless.

import { utcTime } from '#system/moment.ts';
import type { Fetched } from '#transfer/fetch-types.ts';
import { closeJournal } from '#transfer/journal.ts';
import { enqueueHook } from '#updates/hook/hook.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { acceptReceipt } from '#updates/receipts/acknowledge.ts';
import type { JournalNote } from './journal-note.ts';

/** A package to publish, or to finish after a crash. */
export interface Publication {
  readonly note: JournalNote;
  readonly url: string;
  readonly via: string | null;
  readonly elapsedMs: number;
}

/**
 * Gives the downloaded and verified file its final name, and completes the publication. Another file that has replaced
 * it is never published.
 */
export async function publish(
  ports: UpdatesPorts,
  fetched: Pick<Fetched, 'path' | 'file'>,
  publication: Publication,
): Promise<void> {
  const { id } = publication.note.item;
  await ports.store.publish(id, fetched);
  ports.report({ name: 'published', id, path: ports.store.jarPath(id) });
  await finishPublication(ports, publication);
}

/** Everything after the rename, in the order that makes each crash harmless. */
export async function finishPublication(ports: UpdatesPorts, publication: Publication): Promise<void> {
  const { note, url, via } = publication;
  const { item, trust, feed, feed_target } = note;
  await ports.store.describe(item.id, {
    item,
    trust,
    feed,
    feed_target,
    url,
    via,
    published_at: utcTime(ports.clock.now()),
  });
  ports.memory.setId(item.id, { sha256: item.sha256, fate: 'published' });
  await ports.memory.save();
  await acceptReceipt(ports, { item, outcome: 'published', elapsedMs: publication.elapsedMs });
  await enqueueHook(ports, note);
  await closeJournal(ports.files, ports.store.stagingDir, item.id);
}
