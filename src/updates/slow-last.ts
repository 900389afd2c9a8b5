// The order in which a round downloads packages: those that arrive slowly come last, together with those that require
// one of them. Pure.

/** The facts that decide the order. */
interface Ordered {
  readonly id: string;
  readonly requires: readonly string[];
}

/** In `items`, each item comes after those it requires; this is also true of the result. */
export function slowLast<T extends Ordered>(items: readonly T[], isSlow: (item: T) => boolean): readonly T[] {
  const last = new Set<string>();
  for (const item of items) if (isSlow(item) || item.requires.some((id) => last.has(id))) last.add(item.id);
  if (last.size === 0) return items;
  return [...items.filter(({ id }) => !last.has(id)), ...items.filter(({ id }) => last.has(id))];
}
