// The seam to a feed: whoever can say which updates there are, and how far that can be trusted. The unsigned JSON feed
// over HTTP is the first; signed feeds and existing repositories come behind the same interface.

import type { Hop } from '#errors/hop.ts';
import type { Trust } from '#updates/sidecar.ts';
import type { FeedDocument } from './feed-document.ts';

/** One complete reading of a feed. */
export interface FeedReading {
  readonly document: FeedDocument;
  /** Digest of the document as it came, hex. */
  readonly sha256: string;
  readonly trust: Trust;
  /** Where it was read in the end, after redirects; file names are relative to it. */
  readonly url: URL;
  /** Where its bytes came from, for failures. */
  readonly from?: Hop;
}

/** How a feed is read. */
export interface FeedQuestion {
  /** Asks caches on the way for a fresh copy. */
  readonly revalidate: boolean;
  readonly signal: AbortSignal;
  /** A proxy, or the server itself, took the connection. */
  onConnected?(): void;
}

/** Where updates are announced. */
export interface Feed {
  /**
   * Reads the whole feed.
   * @throws CodedError FEED-*, URL-*, and everything of the route and the exchange
   */
  read(question: FeedQuestion): Promise<FeedReading>;
}
