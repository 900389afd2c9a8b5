// Chooses the next package to download while others may be running. Packages that others require come first and slow
// ones last; otherwise, the smallest comes first. Pure.
//
// One server never uses all places while packages of other servers wait. A server that sent very slowly during this
// check for updates, or whose package did so before, uses at most one place.

/** A package that waits for its turn. */
export interface WaitingPackage {
  readonly id: string;
  readonly length: number;
  readonly requires: readonly string[];
  readonly origin: string;
  /** It yielded to others before, so they go first. */
  readonly isSlow: boolean;
}

/** What is known when a place is free. */
export interface FreePlaces {
  /** Number of downloads that may run at a time. */
  readonly parallel: number;
  /** The origins of the running downloads; one that has several is named several times. */
  readonly running: readonly string[];
  /** IDs of wanted packages that are neither published, ready nor given up. */
  readonly unfinished: ReadonlySet<string>;
  /** Whether a download from this origin was too slow in this round. */
  isSlowOrigin(origin: string): boolean;
}

/** The package that begins now; null if none may, because of the running ones. */
export function nextPackage<T extends WaitingPackage>(waiting: readonly T[], places: FreePlaces): T | null {
  if (places.running.length >= places.parallel) return null;
  const last = afterSlow(waiting);
  const startable = waiting.filter(({ requires }) => !requires.some((id) => places.unfinished.has(id)));
  let best: T | null = null;
  for (const one of startable) {
    if (!hasPlace(one, startable, places)) continue;
    const comes = best === null ? -1 : Number(last.has(one.id)) - Number(last.has(best.id));
    if (best === null || comes < 0 || (comes === 0 && one.length < best.length)) best = one;
  }
  return best;
}

function hasPlace(one: WaitingPackage, startable: readonly WaitingPackage[], places: FreePlaces): boolean {
  const { parallel, running } = places;
  const held = running.filter((origin) => origin === one.origin).length;
  if (held === 0) return true;
  if (one.isSlow || places.isSlowOrigin(one.origin)) return false;
  const othersWait = startable.some(({ origin }) => origin !== one.origin && !running.includes(origin));
  return held < parallel - (othersWait ? 1 : 0);
}

/** Slow packages, and those that require one of them. */
function afterSlow(waiting: readonly WaitingPackage[]): ReadonlySet<string> {
  const last = new Set<string>();
  for (const { id, isSlow, requires } of waiting) if (isSlow || requires.some((other) => last.has(other))) last.add(id);
  return last;
}
