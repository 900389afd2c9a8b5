// The order in which a round fetches: packages that gave way go last, and with them whatever requires one of them. Pure.

/** What decides about the order. */
interface Ordered {
  readonly id: string;
  readonly requires: readonly string[];
}

/** `items` are in an order in which each comes after what it requires; so are those returned. */
export function slowLast<T extends Ordered>(items: readonly T[], isSlow: (item: T) => boolean): readonly T[] {
  const last = new Set<string>();
  for (const item of items) if (isSlow(item) || item.requires.some((id) => last.has(id))) last.add(item.id);
  if (last.size === 0) return items;
  return [...items.filter(({ id }) => !last.has(id)), ...items.filter(({ id }) => last.has(id))];
}
