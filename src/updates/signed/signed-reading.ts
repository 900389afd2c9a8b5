// The signed feed as one check for updates has read it: where its packages are, and the signed files that another host
// needs to verify them.
//
// Guarantees: a package is located only if the signed metadata has the same length and digest as the feed. Relies on the
// client, which verifies all metadata. The reading lives as long as the round.

import { coded } from '#errors/coded-error.ts';
import type { MetadataFile, SignedTarget, TufRepository } from '#trust/tuf/types.ts';
import type { FeedReading, PackageUrl } from '#updates/feed/feed.ts';
import type { FeedItem } from '#updates/feed/feed-document.ts';
import { type MergedFeeds, targetPathOf } from './merge-feeds.ts';
import type { RepositoryCopy } from './repository-copies.ts';
import { targetUrl } from './tuf-source.ts';

/** The feeds of the settings, as they were read. */
export interface ReadFeeds extends MergedFeeds {
  readonly sha256: string;
  readonly feeds: readonly SignedTarget[];
  /** The bytes of one of these feeds. */
  readFeed(target: SignedTarget): Promise<Uint8Array>;
}

/** A small target with its bytes. */
interface SmallTarget {
  readonly target: SignedTarget;
  readonly bytes: Uint8Array;
}

/** What proves some items. */
export interface Proofs {
  readonly metadata: readonly MetadataFile[];
  readonly documents: readonly SmallTarget[];
  /** The signed target of each item, in the order of the items. */
  readonly packages: readonly SignedTarget[];
  /** When the first role of the metadata expires, in milliseconds since the epoch. */
  readonly expiresMs: number;
}

export class SignedReading implements FeedReading {
  readonly trust = 'signed';
  /** Only for a medium. */
  stage?: NonNullable<FeedReading['stage']>;
  /** Only for a medium. */
  lacks?: NonNullable<FeedReading['lacks']>;
  readonly document;
  readonly sha256;
  readonly #client: TufRepository;
  readonly #copies: readonly RepositoryCopy[];
  readonly #pathOf: ReadonlyMap<string, string>;

  readonly #feeds: Pick<ReadFeeds, 'feeds' | 'readFeed'>;

  constructor(read: ReadFeeds & { readonly client: TufRepository; readonly copies: readonly RepositoryCopy[] }) {
    this.document = read.document;
    this.sha256 = read.sha256;
    this.#client = read.client;
    this.#copies = read.copies;
    this.#pathOf = read.pathOf;
    this.#feeds = read;
  }

  /** Versions and expiry of the metadata replace the rules of an unsigned feed. */
  refusal(): null {
    return null;
  }

  listedIn({ id }: FeedItem): string | undefined {
    return this.#pathOf.get(id);
  }

  originOf(): string {
    return this.#copies[0]?.targets.origin ?? '';
  }

  /** @throws CodedError TUF-TARGET-UNKNOWN, TUF-TARGET-DIFFERS, and codes of the client */
  async locate(item: FeedItem, signal: AbortSignal): Promise<readonly [PackageUrl, ...PackageUrl[]]> {
    const target = await this.targetOf(item, signal);
    const places = this.#copies.flatMap(({ targets, metadata, credentials }) =>
      target.names.map((name) => ({
        url: targetUrl(targets, name),
        configured: targets,
        credentials: credentials && targets.origin === metadata.origin,
      })),
    );
    return places as [PackageUrl, ...PackageUrl[]];
  }

  /** The signed target of an item, with the same length and digest. @throws CodedError as `locate` */
  async targetOf(item: FeedItem, signal: AbortSignal): Promise<SignedTarget> {
    const target = await this.#find(item, signal);
    for (const [what, feed, signed] of [
      ['its length', item.length, target.length],
      ['its sha256', item.sha256, target.hashes.get('sha256') ?? 'missing'],
    ] as const) {
      const { path, role } = target;
      if (feed !== signed) throw coded('TUF-TARGET-DIFFERS', { path, what, feed, signed, role });
    }
    return target;
  }

  /**
   * What proves these items to a host without a network: the metadata that was used for them, and the feeds.
   * `extra` is a small target that this host also uses; it is left out if the repository does not have it.
   * @throws CodedError as `locate`
   */
  async proofsOf(items: readonly FeedItem[], extra: string | undefined, signal: AbortSignal): Promise<Proofs> {
    const packages: SignedTarget[] = [];
    for (const item of items) packages.push(await this.targetOf(item, signal));
    const documents: SmallTarget[] = [];
    for (const target of this.#feeds.feeds) documents.push({ target, bytes: await this.#feeds.readFeed(target) });
    const more = extra === undefined ? null : await this.#client.find(extra, signal);
    if (more !== null) documents.push({ target: more, bytes: await this.#client.download(more, signal) });
    const { roles } = this.#client.status();
    return {
      metadata: await Array.fromAsync(this.#client.usedMetadata()),
      documents,
      packages,
      expiresMs: Math.min(...roles.map((role) => role.expiresMs)),
    };
  }

  /** Only an item of this reading has a feed, and with it a path among the targets. */
  async #find(item: FeedItem, signal: AbortSignal): Promise<SignedTarget> {
    const feed = this.#pathOf.get(item.id);
    const path = feed === undefined ? null : targetPathOf(item.file ?? '', feed);
    const target = path === null || path === '' ? null : await this.#client.find(path, signal);
    if (target === null) throw coded('TUF-TARGET-UNKNOWN', { path: item.file ?? '' });
    return target;
  }
}
