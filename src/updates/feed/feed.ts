// The interface of a feed: it lists the updates and says how far the list can be trusted. The unsigned JSON feed over
// HTTP is the first; signed feeds and existing repositories can implement the same interface.

import type { Hop } from '#errors/hop.ts';
import type { Trust } from '#updates/sidecar.ts';
import type { FeedDocument } from './feed-document.ts';

/** One complete reading of a feed. */
export interface FeedReading {
  readonly document: FeedDocument;
  /** Hex digest of the document as it was received. */
  readonly sha256: string;
  readonly trust: Trust;
  /** The final URL after redirects; file names are relative to it. */
  readonly url: URL;
  /** The hop that its bytes came from, for failures. */
  readonly from?: Hop;
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
