// Finds the longest recent wait on a route, which is shown with a failure. Only packages of about the same size are
// used; if there are none, all sizes are. Pure.

/** The timing of one verified download. */
interface WaitSample {
  readonly size: number;
  readonly ms: Readonly<Record<'first_byte' | 'silence' | 'total', number | null>>;
}

/** Sizes within this factor are considered similar. */
const ALIKE = 2;

/** The longest recent wait; null when there is none. `like` is true when it belongs to a package of similar size. */
export function recentWaits(
  samples: readonly WaitSample[],
  size: number,
): { readonly ms: number; readonly size: number; readonly like: boolean } | null {
  const waits = samples.map((sample) => ({
    size: sample.size,
    ms: Math.max(sample.ms.first_byte ?? 0, sample.ms.silence ?? 0),
  }));
  const alike = waits.filter((wait) => wait.size <= size * ALIKE && wait.size * ALIKE >= size);
  const chosen = alike.length > 0 ? alike : waits;
  const longest = chosen.toSorted((a, b) => b.ms - a.ms)[0];
  return longest === undefined ? null : { ...longest, like: alike.length > 0 };
}
