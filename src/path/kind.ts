// Classifies the path of a transfer by its timing. The kinds are streaming, held back for a scan (`held`), trickled,
// end held back (`tail_held`), cached and dead. Pure.
//
// A kind other than streaming needs waits of at least half of the transfer time, and of at least half a second. The
// kind of a route is decided from several of its last transfers.

/** How a path treats a package. */
export const PATH_KINDS = ['streaming', 'held', 'trickled', 'tail_held', 'cached', 'dead'] as const;
export type PathKind = (typeof PATH_KINDS)[number];

/** The timing of one transfer, in milliseconds since its request; null for a point that was not reached. */
export interface TransferShape {
  readonly endedMs: number;
  readonly firstByteMs: number | null;
  /** When a tenth of the requested bytes had arrived. */
  readonly earlyMs: number | null;
  /** When nine tenths of the requested bytes had arrived. */
  readonly lateMs: number | null;
  /** Whether a deadline ended the transfer. */
  readonly timedOut: boolean;
  /** Whether all bytes arrived. */
  readonly whole: boolean;
  /** Whether a cache reported a hit. */
  readonly cached: boolean;
  /** Whether our own bandwidth limit decided when the bytes were read. */
  readonly throttled: boolean;
}

const MAJORITY = 0.5;
const MIN_PHASE_MS = 500;
/**
 * Share of the transfer. A wait for the first byte that is longer than this shows a hold, however long the rest takes:
 * no path streams after such a pause.
 */
const LONG_HOLD_SHARE = 0.25;
/** The kind of a route is decided from this many of its last transfers. */
export const KINDS_KEPT = 8;
/** This many consecutive dead transfers make a route dead. */
const DEAD_IN_A_ROW = 3;

/**
 * The kind of one transfer; null when it shows none, because it failed for another reason than waiting or because our
 * own bandwidth limit decided its timing.
 */
export function kindOfTransfer(shape: TransferShape): PathKind | null {
  const { endedMs, firstByteMs, earlyMs, lateMs, whole } = shape;
  if (shape.throttled) return whole && shape.cached ? 'cached' : null;
  if (!whole) return shape.timedOut ? kindOfTimeout(shape) : null;
  if (shape.cached) return 'cached';
  const isMost = (ms: number, of = MAJORITY) => ms >= MIN_PHASE_MS && ms >= endedMs * of;
  const first = firstByteMs ?? endedMs;
  const early = earlyMs ?? endedMs;
  const late = lateMs ?? endedMs;
  if (isMost(endedMs - late)) return 'tail_held';
  if (isMost(early - first)) return 'trickled';
  return isMost(first, LONG_HOLD_SHARE) ? 'held' : 'streaming';
}

/** A transfer that dripped until its deadline is trickled; one that was silent is dead. */
function kindOfTimeout({ firstByteMs, earlyMs, endedMs }: TransferShape): PathKind {
  const dripped = firstByteMs !== null && earlyMs === null && endedMs - firstByteMs >= MIN_PHASE_MS;
  return dripped ? 'trickled' : 'dead';
}

/** The kind of a route by its last transfers, oldest first; null when there is none. */
export function kindOfRoute(last: readonly PathKind[]): PathKind | null {
  const dead = last.slice(-DEAD_IN_A_ROW);
  if (dead.length === DEAD_IN_A_ROW && dead.every((kind) => kind === 'dead')) return 'dead';
  // A cache hit or a dead transfer does not show how the path handles new content.
  const telling = last.filter((kind) => kind !== 'dead' && kind !== 'cached');
  const counted = telling.length > 0 ? telling : last;
  let best: PathKind | null = null;
  for (const kind of counted.toReversed()) {
    const count = (one: PathKind) => counted.filter((other) => other === one).length;
    if (best === null || count(kind) > count(best)) best = kind;
  }
  return best;
}

/** The kind as a phrase that fits into a sentence. */
export const KIND_WORDS: Readonly<Record<PathKind, string>> = {
  streaming: 'streaming',
  held: 'held back until scanned',
  trickled: 'trickled',
  tail_held: 'tail held',
  cached: 'cached',
  dead: 'dead',
};
