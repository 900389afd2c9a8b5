// Marks packages from an unsigned feed as `signed` if the signed feed lists the same package, for `updates verify`.
//
// Guarantees: a package is marked only if its digest was just read from the disk, and the signed feed has this digest
// with the same ID and package name. Its sidecar then has the item of the signed feed, and nothing of the unsigned
// feed. The hook does not run again. A crash leaves the old sidecar or the new one.

import { asCoded } from '#errors/coded-error.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { configuredFeed } from '#updates/request.ts';

/** `intact` are the ids whose files were read and found unchanged. Failures are reported; the packages stay as they are. */
export async function raiseTrust(ports: UpdatesPorts, intact: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
  const feed = configuredFeed(ports.settings());
  if (feed === null || ports.settings().updates.trust !== 'tuf') return;
  const waiting = (await ports.store.list()).filter(
    ({ id, sidecar: { trust } }) => trust !== 'signed' && intact.has(id),
  );
  if (waiting.length === 0) return;
  try {
    const reading = await ports.feed.read({ revalidate: false, signal });
    const listed = new Map(reading.document.items.map((item) => [item.id, item]));
    for (const { id, sidecar } of waiting) {
      const item = listed.get(id);
      // A target alone says nothing about the id: another update of the signed feed may have the same file.
      if (item === undefined || !isSameUpdate(item, sidecar.item)) continue;
      if (!(await isTarget(() => reading.locate(item, signal), signal))) continue;
      const feed_target = reading.listedIn?.(item);
      const raised = { ...sidecar, item: { ...item, id }, trust: 'signed' as const, feed: feed.href, feed_target };
      const [failure = null] = await ports.store.describe([raised]);
      if (failure !== null) throw failure;
      ports.report({ name: 'trust-raised', id });
    }
  } catch (thrown) {
    signal.throwIfAborted();
    const error = asCoded(thrown);
    ports.report({ name: 'check-failed', error, hop: error.place });
  } finally {
    ports.session.close();
  }
}

function isSameUpdate(signed: FeedItem, published: FeedItem): boolean {
  return signed.package === published.package && signed.sha256 === published.sha256 && !signed.withdrawn;
}

async function isTarget(locate: () => Promise<unknown>, signal: AbortSignal): Promise<boolean> {
  try {
    await locate();
    return true;
  } catch (thrown) {
    signal.throwIfAborted();
    const { code } = asCoded(thrown);
    if (code === 'TUF-TARGET-UNKNOWN' || code === 'TUF-TARGET-DIFFERS') return false;
    throw thrown;
  }
}
