// Downloads and publishes one package. If nothing may be published at present, the package only becomes ready.
//
// A package that is ready is not requested again, unless its bytes on disk have changed. `download.ts` and `ready.ts`
// have the guarantees and say what a crash leaves.

import { asCoded, CodedError } from '#errors/coded-error.ts';
import { stagedPath } from '#transfer/journal.ts';
import type { FeedReading } from '#updates/feed/feed.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import { type Closure, closureNow } from '#updates/hold/hold.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { feedUrl } from '#updates/request.ts';
import { type Downloaded, download } from './download.ts';
import type { Publisher } from './publisher.ts';
import { keepReady, publishReady, type ReadyPackage, refreshReady } from './ready.ts';
import type { PackageTurn } from './turn.ts';

/** How far it went. A parked one waits for the hours of downloads. */
export type Obtained = 'published' | 'ready' | 'parked';

export interface WantedPackage {
  readonly item: FeedItem;
  readonly reading: FeedReading;
  /** Packages that are ready already, by their id. */
  readonly ready: ReadonlyMap<string, ReadyPackage>;
  readonly turn: PackageTurn;
  /** Why nothing may be published now, or null. */
  closure(): Closure | null;
  readonly publisher: Publisher;
  /** It is made durable only when it is published, together with others. */
  readonly syncsLater: boolean;
  /** Called when the package is downloaded and verified: only its publication is left. */
  onDownloaded?(): void;
}

/** @throws CodedError of the download or of the publication; the signal's reason when it is aborted */
export async function obtain(ports: UpdatesPorts, wanted: WantedPackage, signal: AbortSignal): Promise<Obtained> {
  return (await useReady(ports, wanted, signal)) ?? (await downloadOne(ports, wanted, signal));
}

/**
 * Why nothing may be published. Once there is a reason, it applies to the rest of the round: what requires a package that
 * is only ready must not be published before it.
 */
export function closureOfRound(ports: UpdatesPorts): () => Closure | null {
  let first: Closure | null = null;
  return () => {
    first ??= closureNow(ports);
    return first;
  };
}

/** Publishes a package that is ready, or keeps it. Null if there is none, or if it changed and must be downloaded. */
async function useReady(
  ports: UpdatesPorts,
  { item, reading, ready, closure, publisher }: WantedPackage,
  signal: AbortSignal,
): Promise<Obtained | null> {
  const known = ready.get(item.id);
  if (known === undefined) return null;
  // The feed alone does not make the package a signed target, and it may have become ready from an unsigned feed.
  if (reading.trust === 'signed') await reading.locate(item, signal);
  const { trust } = reading;
  const now = { item, trust, feed: feedUrl(ports.settings()).href, feed_target: reading.listedIn?.(item) };
  try {
    await refreshReady(ports, known, now);
    if (closure() !== null) return 'ready';
    const renewed = { ...known, item, note: { ...known.note, ...now } };
    return (await publishReady(ports, renewed, { publisher, signal })) === null ? 'published' : 'ready';
  } catch (thrown) {
    const error = asCoded(thrown);
    if (error.code !== 'READY-DAMAGED') throw thrown;
    ports.report({ name: 'package-problem', id: item.id, error });
    return null;
  }
}

async function downloadOne(ports: UpdatesPorts, wanted: WantedPackage, signal: AbortSignal): Promise<Obtained> {
  const downloaded = await downloadInHours(ports, wanted, signal);
  if (downloaded === null) return 'parked';
  wanted.onDownloaded?.();
  const { fetched, url, elapsedMs, note } = downloaded;
  const { via } = fetched;
  const closed = await wanted.publisher.publish({ fetched, note, url: url.href, via, elapsedMs });
  if (closed === null) return 'published';
  await keepReady(ports, downloaded, closed);
  return 'ready';
}

/** Downloads it. Null if the hours of downloads ended first. */
async function downloadInHours(
  ports: UpdatesPorts,
  wanted: WantedPackage,
  signal: AbortSignal,
): Promise<Downloaded | null> {
  try {
    return await ports.windows.whileOpen(signal, (ending) => download(ports, wanted, ending));
  } catch (thrown) {
    if (signal.aborted || !(thrown instanceof CodedError) || thrown.code !== 'WINDOW-CLOSED') throw thrown;
    const { id, length } = wanted.item;
    const kept = (await ports.files.facts(stagedPath(ports.store.stagingDir, id)))?.size ?? 0;
    const { until } = thrown.facts;
    if (typeof until === 'number') ports.report({ name: 'download-parked', id, at: until, received: kept, length });
    return null;
  }
}
