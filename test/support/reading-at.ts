// A feed that was read at a given time, for tests that download packages without reading a feed.

import type { FeedReading } from '#updates/feed/feed.ts';
import type { FeedDocument } from '#updates/feed/feed-document.ts';

/** A reading that was accepted; its packages are next to `feed`. */
export function readingAt(feed: string, document: FeedDocument): FeedReading {
  return {
    document,
    sha256: '',
    trust: 'tls',
    refusal: () => null,
    originOf: () => new URL(feed).origin,
    locate: ({ url, file }) =>
      Promise.resolve([{ url: new URL(url ?? file ?? '', feed), configured: new URL(feed), credentials: true }]),
  };
}
