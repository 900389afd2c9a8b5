// Merges the feeds of several teams, and finds the targets of their items. Pure.
//
// Guarantees: if two feeds list the same ID or package, its items are refused from both feeds. No team can therefore
// replace the packages of another.

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { FeedDocument, FeedItem, RefusedItem } from '#updates/feed/feed-document.ts';

/** A feed with its path among the targets. */
export interface FeedPart {
  readonly path: string;
  readonly document: FeedDocument;
}

/** The updates of all feeds. */
export interface MergedFeeds {
  readonly document: FeedDocument;
  /** The feed that an accepted item is from, by the id of the item. */
  readonly pathOf: ReadonlyMap<string, string>;
}

/** Serial and expiry are those of the first feed; a signed feed uses them only to be shown. */
export function mergeFeeds([first, ...others]: readonly [FeedPart, ...FeedPart[]]): MergedFeeds {
  const parts = [first, ...others];
  const packages = ownersBy(parts, ({ package: name }) => name);
  const ids = ownersBy(parts, ({ id }) => id.toLowerCase());
  const items: FeedItem[] = [];
  const refused: RefusedItem[] = [];
  const pathOf = new Map<string, string>();
  for (const { path, document } of parts) {
    refused.push(...document.refused);
    for (const item of document.items) {
      const error = doubled(item, { packages, ids }) ?? unnamed(item);
      if (error !== null) {
        refused.push({ id: item.id, error });
        continue;
      }
      items.push(item);
      pathOf.set(item.id, path);
    }
  }
  const { serial, expiresMs } = first.document;
  return { document: { serial, expiresMs, items, refused }, pathOf };
}

type Owners = ReadonlyMap<string, readonly string[]>;

/** The feeds in which each key occurs. */
function ownersBy(parts: readonly FeedPart[], keyOf: (item: FeedItem) => string): Owners {
  const owners = new Map<string, string[]>();
  for (const { path, document } of parts) {
    for (const key of new Set(document.items.map(keyOf))) owners.set(key, [...(owners.get(key) ?? []), path]);
  }
  return owners;
}

function doubled(
  { id, package: name }: FeedItem,
  { packages, ids }: { readonly packages: Owners; readonly ids: Owners },
): CodedError | null {
  const feeds = packages.get(name) ?? [];
  if (feeds.length > 1) return coded('FEED-PACKAGE-TWICE', { id, package: name, feeds });
  return (ids.get(id.toLowerCase()) ?? []).length > 1 ? coded('ID-DUPLICATE', { id }) : null;
}

/** A URL names no target, so nothing would say that the vendor has signed the file. */
function unnamed({ id, file, withdrawn }: FeedItem): CodedError | null {
  if (file !== undefined || withdrawn) return null;
  return coded('FEED-INVALID', {
    reason: `update ${id} has a url; in a signed feed it must name its target with file`,
  });
}

/**
 * The path of the target that an item names. `file` is a relative URL, as in an unsigned feed, so the same feed can
 * serve both; null if it does not stay among the targets.
 */
export function targetPathOf(file: string, feedPath: string): string | null {
  const base = new URL(feedPath.split('/').map(encodeURIComponent).join('/'), 'http://targets/');
  const url = URL.parse(file, base);
  if (url === null || url.host !== 'targets' || url.protocol !== 'http:' || url.search !== '') return null;
  try {
    return url.pathname.slice(1).split('/').map(decodeURIComponent).join('/');
  } catch {
    return null;
  }
}
