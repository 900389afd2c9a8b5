// What an update stands on, in the order in which it must be published. Pure.

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { FeedItem } from './feed-document.ts';

/** A chain of required updates longer than this is refused by name. */
const MOST_DEPTH = 16;

/** The update and everything it still needs, required ones first; or why that can't be. */
export type Plan =
  | { readonly kind: 'ordered'; readonly items: readonly FeedItem[] }
  | { readonly kind: 'refused'; readonly error: CodedError };

/** What the walk may ask. */
export interface RequiresContext {
  /** An item of the feed that may be fetched, by its id. */
  item(id: string): FeedItem | undefined;
  /** Whether this id has been published here before, pruned ones included. */
  satisfied(id: string): boolean;
}

/** Walks `requires` depth first; cycles, unknown ids and depth over 16 are refused by name. */
export function planRequires(wanted: FeedItem, context: RequiresContext): Plan {
  const ordered = new Map<string, FeedItem>();
  const error = walk(wanted, [], { context, ordered });
  return error === null ? { kind: 'ordered', items: [...ordered.values()] } : { kind: 'refused', error };
}

interface Walk {
  readonly context: RequiresContext;
  readonly ordered: Map<string, FeedItem>;
}

function walk(item: FeedItem, above: readonly FeedItem[], state: Walk): CodedError | null {
  const top = above[0] ?? item;
  if (above.some(({ id }) => id === item.id)) {
    return coded('REQUIRES-CYCLE', { id: top.id, path: [...above.map(({ id }) => id), item.id] });
  }
  if (state.ordered.has(item.id)) return null;
  if (above.length > MOST_DEPTH) return coded('REQUIRES-DEPTH', { id: top.id, limit: MOST_DEPTH });
  for (const id of item.requires) {
    if (state.context.satisfied(id)) continue;
    const needed = state.context.item(id);
    if (needed === undefined) return coded('REQUIRES-UNKNOWN', { id: item.id, requires: id });
    const error = walk(needed, [...above, item], state);
    if (error !== null) return error;
  }
  state.ordered.set(item.id, item);
  return null;
}
