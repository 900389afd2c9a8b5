// The most expensive feeds within the limits of the protocol. Also used by bench/limits.

import { FEED_LIMITS, type FeedItem } from '#updates/feed/feed-document.ts';

/** Layers of 16 items, each of which requires all items of the layer below: the maximum of a feed, or a share of it. */
export function layeredFeed(share = 1): FeedItem[] {
  const width = FEED_LIMITS.requires;
  const layers = Math.floor((FEED_LIMITS.items * share) / width);
  return Array.from({ length: layers * width }, (_, index) => {
    const layer = Math.floor(index / width);
    const requires = layer === 0 ? [] : Array.from({ length: width }, (_none, n) => `i${layer - 1}-${n}`);
    return worstItem(`i${layer}-${index % width}`, { requires });
  });
}

/** An item of a package of its own, which has to be asked about rollout and version. */
export function worstItem(id: string, fields: Partial<FeedItem> = {}): FeedItem {
  return {
    id,
    package: `p-${id}`,
    sequence: 1,
    file: `${id}.jar`,
    length: 1_000,
    sha256: 'a'.repeat(64),
    released: '2026-11-01T00:00:00Z',
    kind: 'content',
    requires: [],
    withdrawn: false,
    rollout_percent: 99.999_999_9,
    min_agent: '0.0.1',
    ...fields,
  };
}
