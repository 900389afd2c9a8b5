// The interface of a feed: the list of updates, how the list was protected, and where the packages are. The steps of a
// check for updates use only this interface, so they are the same for signed and unsigned feeds.

import type { CodedError } from '#errors/coded-error.ts';
import type { Hop } from '#errors/hop.ts';
import type { FeedMemory } from '#updates/memory.ts';
import type { Trust } from '#updates/sidecar.ts';
import type { FeedDocument, FeedItem } from './feed-document.ts';

/** One place of a package. */
export interface PackageUrl {
  readonly url: URL;
  /** Redirects may lead to its origin, in addition to the allowed ones. */
  readonly configured: URL;
  /** Whether tokens and headers may be sent to the origin of `configured`. */
  readonly credentials: boolean;
}

/** One complete reading of a feed. */
export interface FeedReading {
  readonly document: FeedDocument;
  /** Hex digest of the document as it was received. */
  readonly sha256: string;
  readonly trust: Trust;
  /** The hop that its bytes came from, for failures. */
  readonly from?: Hop;
  /**
   * Why this reading must not be used at all, after the reading that was accepted before; null when it may. These are
   * the rules that this kind of feed needs in addition to its trust.
   */
  refusal(before: FeedMemory | null, nowMs: number): CodedError | null;
  /** The path of the signed feed that lists an item. Missing for an unsigned feed. */
  listedIn?(item: FeedItem): string | undefined;
  /** The origin that serves the package, to count its failures; empty if it is unknown. */
  originOf(item: FeedItem): string;
  /**
   * The places of the package, in order of preference; at least one. Each URL has been checked.
   * @throws CodedError URL-*; of a signed feed also TUF-*
   */
  locate(item: FeedItem, signal: AbortSignal): Promise<readonly [PackageUrl, ...PackageUrl[]]>;
  /** Whether a medium was made without the package of an item. Missing for feeds that have all packages. */
  lacks?(item: FeedItem): boolean;
  /**
   * Brings a package from a medium into the staging folder, with this note in its journal. Missing for feeds whose
   * packages are downloaded.
   * @throws CodedError TUF-*, FILE-*, DISK-FULL
   */
  stage?(item: FeedItem, note: unknown, signal: AbortSignal): Promise<void>;
}

/** How a feed is read. */
export interface FeedQuestion {
  /** Makes caches between here and the origin revalidate. */
  readonly revalidate: boolean;
  readonly signal: AbortSignal;
  /** Called when a proxy, or the server itself, has accepted the connection. */
  onConnected?(): void;
}

/** A source of updates. */
export interface Feed {
  /**
   * Reads the whole feed.
   * @throws CodedError FEED-*, URL-*, and everything of the route and the exchange
   */
  read(question: FeedQuestion): Promise<FeedReading>;
}
