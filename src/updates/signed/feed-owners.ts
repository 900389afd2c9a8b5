// Refuses an item of a feed if its ID or its package came to this host from another feed. Pure.
//
// Guarantees: a team cannot withdraw or replace the packages of another team, even after that team's feed has stopped
// listing them. A feed that is no longer in the settings owns nothing, so an admin can allow a package to move to
// another feed.

import { coded } from '#errors/coded-error.ts';
import type { FeedItem, RefusedItem } from '#updates/feed/feed-document.ts';
import type { Sidecar } from '#updates/sidecar.ts';
import type { FeedPart } from './merge-feeds.ts';

/** What a sidecar says about the feed of a published package. */
type Owned = Pick<Sidecar, 'item' | 'feed_target'>;

/** The feeds without the items that belong to another one of them. */
export function refuseOtherOwners(parts: readonly FeedPart[], published: readonly Owned[]): FeedPart[] {
  const owners = ownersOf(
    published,
    parts.map(({ path }) => path),
  );
  return parts.map(({ path: found, document }) => {
    const items: FeedItem[] = [];
    const refused: RefusedItem[] = [...document.refused];
    for (const item of document.items) {
      const [known, ...others] = owners(item);
      const { id, package: name } = item;
      if (known === undefined || [known, ...others].includes(found)) items.push(item);
      else refused.push({ id, error: coded('FEED-PACKAGE-MOVED', { id, package: name, found, known }) });
    }
    return { path: found, document: { ...document, items, refused } };
  });
}

/** The feeds that own an item: that of the published package with its id, or else those of its package. */
function ownersOf(published: readonly Owned[], feeds: readonly string[]): (item: FeedItem) => readonly string[] {
  const ids = new Map<string, string[]>();
  const packages = new Map<string, string[]>();
  for (const { item, feed_target: feed } of published) {
    if (feed === undefined || !feeds.includes(feed)) continue;
    ids.set(item.id.toLowerCase(), [feed]);
    packages.set(item.package, [...(packages.get(item.package) ?? []), feed]);
  }
  return ({ id, package: name }) => ids.get(id.toLowerCase()) ?? packages.get(name) ?? [];
}
