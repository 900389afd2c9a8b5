// Chooses the published packages to remove, from the stored packages and the two limits. Pure.
//
// The newest version of each package is always kept, regardless of the limits.

/** The facts about a published package that the choice needs. */
export interface Stored {
  readonly id: string;
  readonly package: string;
  readonly sequence: number;
  readonly length: number;
  /** When the vendor released it, ms since the epoch: sequences of two packages can't be compared. */
  readonly releasedMs: number;
}

export interface PruneLimits {
  readonly keepVersions: number;
  /** Bytes of all packages together, or null for no limit. */
  readonly maxBytes: number | null;
}

/** Packages to remove, oldest first, each with the key whose limit requires it. */
export function choosePrunable(stored: readonly Stored[], limits: PruneLimits): { id: string; reason: string }[] {
  const chosen = new Map<string, string>();
  const newest = new Set<string>();
  for (const versions of Map.groupBy(stored, (one) => one.package).values()) {
    const ordered = versions.toSorted((a, b) => b.sequence - a.sequence);
    if (ordered[0] !== undefined) newest.add(ordered[0].id);
    for (const old of ordered.slice(limits.keepVersions).reverse()) chosen.set(old.id, 'updates.keep_versions');
  }
  let total = stored.filter(({ id }) => !chosen.has(id)).reduce((sum, { length }) => sum + length, 0);
  const spare = stored
    .filter(({ id }) => !chosen.has(id) && !newest.has(id))
    .toSorted((a, b) => a.releasedMs - b.releasedMs);
  for (const one of spare) {
    if (limits.maxBytes === null || total <= limits.maxBytes) break;
    chosen.set(one.id, 'updates.packages_max_bytes');
    total -= one.length;
  }
  return [...chosen].map(([id, reason]) => ({ id, reason }));
}
