// Collects what another host needs to publish some of the updates of this host: the published packages, and the feed or the
// signed metadata that proves them. The command writes the bundle with the rights of its user.
//
// Guarantees: nothing is exported that this host would not publish from the feed as it is now. Nothing is written and
// nothing is remembered, except that versions of signed metadata never go back.

import { createHash } from 'node:crypto';
import { coded } from '#errors/coded-error.ts';
import { requireNoDowngrade } from '#updates/chosen-feed.ts';
import type { FeedReading } from '#updates/feed/feed.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import { HttpFeed } from '#updates/feed/http-feed.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { feedUrl } from '#updates/request.ts';
import { TufFeed } from '#updates/signed/tuf-feed.ts';
import { feedName } from './bundle-feed.ts';
import { manifestBytes, UNSIGNED_FEED, unsignedPackagePath } from './manifest.ts';
import { MEDIUM_MANIFEST, metadataPath, targetPath } from './medium-files.ts';

/** All documents of a bundle pass through memory. Metadata of a large vendor has about 1 MB. */
const MAX_DOCUMENT_BYTES = 16 * 1_048_576;

/** A small file of a bundle. */
interface BundledDocument {
  /** Its path in the bundle. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A published package for a bundle. */
interface BundledPackage {
  readonly id: string;
  readonly name: string;
  /** The file on this host. */
  readonly path: string;
  readonly length: number;
  readonly sha256: string;
}

/** Everything that a bundle has. */
export interface ExportPlan {
  readonly documents: readonly BundledDocument[];
  readonly packages: readonly BundledPackage[];
  /** Required by updates of the bundle, and not in it. */
  readonly requires: readonly string[];
  /** When the other host begins to refuse the bundle, in milliseconds since the epoch. */
  readonly expiresMs: number;
}

/** The parts that depend on the kind of feed. */
interface Proven extends Pick<ExportPlan, 'expiresMs'> {
  readonly documents: readonly BundledDocument[];
  /** The path of each package in the bundle, in the order of the items. */
  readonly names: readonly string[];
}

/** @throws CodedError EXPORT-UPDATE, EXPORT-TOO-LARGE, TRUST-DOWNGRADE, FEED-*, TUF-*, and codes of the route and the exchange */
export async function planExport(
  ports: UpdatesPorts,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<ExportPlan> {
  const wanted = [...new Set(ids)].toSorted();
  const isSigned = ports.settings().updates.trust === 'tuf';
  const prove = isSigned ? proveSigned : proveUnsigned;
  const { items, proven } = await prove(ports, wanted, signal).finally(() => ports.session.close());
  const length = proven.documents.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (length > MAX_DOCUMENT_BYTES) throw coded('EXPORT-TOO-LARGE', { length, limit: MAX_DOCUMENT_BYTES });
  const packages = items.map(({ id, length: size, sha256 }, at) => ({
    id,
    name: proven.names[at] ?? '',
    path: ports.store.jarPath(id),
    length: size,
    sha256,
  }));
  const requires = new Set(items.flatMap((item) => item.requires).filter((id) => !wanted.includes(id)));
  return { documents: proven.documents, packages, requires: [...requires].toSorted(), expiresMs: proven.expiresMs };
}

type Prove = (
  ports: UpdatesPorts,
  ids: readonly string[],
  signal: AbortSignal,
) => Promise<{ readonly items: readonly FeedItem[]; readonly proven: Proven }>;

const proveSigned: Prove = async (ports, ids, signal) => {
  const reading = await new TufFeed(ports).read({ revalidate: false, signal });
  const items = await itemsOf(ports, reading, ids);
  const keys = ports.settings().activation.license_keys_target;
  const { metadata, documents, packages, expiresMs } = await reading.proofsOf(items, keys, signal);
  const place = ({ names: [name = ''] }: { readonly names: readonly string[] }) => targetPath('', name);
  const manifest = manifestBytes({ feed: { kind: 'signed' }, ids });
  const files = [
    { name: MEDIUM_MANIFEST, bytes: manifest },
    ...metadata.map(({ name, bytes }) => ({ name: metadataPath('', name), bytes })),
    ...documents.map(({ target, bytes }) => ({ name: place(target), bytes })),
  ];
  return { items, proven: { documents: files, names: packages.map(place), expiresMs } };
};

const proveUnsigned: Prove = async (ports, ids, signal) => {
  requireNoDowngrade(ports);
  let feed: Uint8Array = new Uint8Array();
  const received = (bytes: Uint8Array) => {
    feed = bytes;
  };
  const reading = await new HttpFeed(ports, undefined, received).read({ revalidate: true, signal });
  const refusal = reading.refusal(ports.memory.feed(feedUrl(ports.settings()).href), ports.clock.now());
  if (refusal !== null) throw refusal.at(reading.from ?? null);
  const items = await itemsOf(ports, reading, ids);
  const sha256 = createHash('sha256').update(feed).digest('hex');
  const manifest = manifestBytes({ feed: { kind: 'unsigned', url: feedName(ports.settings()), sha256 }, ids });
  const documents = [
    { name: MEDIUM_MANIFEST, bytes: manifest },
    { name: UNSIGNED_FEED, bytes: feed },
  ];
  const { expiresMs } = reading.document;
  return { items, proven: { documents, names: items.map(({ id }) => unsignedPackagePath(id)), expiresMs } };
};

/** The items of these ids. Each is offered by the feed and published on this host. @throws CodedError EXPORT-UPDATE, FILE-* */
async function itemsOf(
  { store }: UpdatesPorts,
  { document }: FeedReading,
  ids: readonly string[],
): Promise<readonly FeedItem[]> {
  const listed = new Map(document.items.map((item) => [item.id, item]));
  const refused = new Map(document.refused.map(({ id, error }) => [id, error.safeText]));
  const items: FeedItem[] = [];
  for (const id of ids) {
    const item = listed.get(id);
    const published = (await store.find(id))?.sidecar.item;
    const refuse = (reason: string) => coded('EXPORT-UPDATE', { id, reason });
    if (item === undefined) throw refuse(refused.get(id) ?? 'the feed does not list it');
    if (item.withdrawn) throw refuse('the vendor has withdrawn it');
    if (published === undefined) throw refuse('it is not published on this host');
    if (published.sha256 !== item.sha256) throw refuse('the feed lists another file under this ID');
    items.push(item);
  }
  return items;
}
