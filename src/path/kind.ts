// What kind of path a transfer came over, told from its timing alone: streaming, held back until scanned, trickled, tail
// held, cached, dead. Pure.
//
// A kind is claimed only where waiting makes up most of the time: half of the transfer, and half a second at least.
// Everything else streams. What a route is rests on its last transfers, not on one.

/** How a path treats a package. */
export const PATH_KINDS = ['streaming', 'held', 'trickled', 'tail_held', 'cached', 'dead'] as const;
export type PathKind = (typeof PATH_KINDS)[number];

/** One transfer: milliseconds since its request, null where it never came so far. */
export interface TransferShape {
  readonly endedMs: number;
  readonly firstByteMs: number | null;
  /** When a tenth of what was asked for had come. */
  readonly earlyMs: number | null;
  /** When all but a tenth of it had come. */
  readonly lateMs: number | null;
  /** A deadline ended it. */
  readonly timedOut: boolean;
  /** All of it came. */
  readonly whole: boolean;
  /** A cache said that it had it. */
  readonly cached: boolean;
}

const MAJORITY = 0.5;
const MIN_PHASE_MS = 500;
/** A first byte that comes so late shows a hold, however long the rest takes: nothing streams after such a pause. */
const LONG_HOLD = 0.25;
/** A route is checked by so many of its last transfers. */
export const KINDS_KEPT = 8;
/** So many dead ones in a row are no accident. */
const DEAD_IN_A_ROW = 3;

/** The kind of one transfer; null when it says nothing: it failed for another reason than waiting. */
export function kindOfTransfer(shape: TransferShape): PathKind | null {
  const { endedMs, firstByteMs, earlyMs, lateMs, whole } = shape;
  if (!whole) return shape.timedOut ? kindOfTimeout(shape) : null;
  if (shape.cached) return 'cached';
  const isMost = (ms: number, of = MAJORITY) => ms >= MIN_PHASE_MS && ms >= endedMs * of;
  const first = firstByteMs ?? endedMs;
  const early = earlyMs ?? endedMs;
  const late = lateMs ?? endedMs;
  if (isMost(endedMs - late)) return 'tail_held';
  if (isMost(early - first)) return 'trickled';
  return isMost(first, LONG_HOLD) ? 'held' : 'streaming';
}

/** What dripped to its deadline is a trickle; what was silent is as good as dead. */
function kindOfTimeout({ firstByteMs, earlyMs, endedMs }: TransferShape): PathKind {
  const dripped = firstByteMs !== null && earlyMs === null && endedMs - firstByteMs >= MIN_PHASE_MS;
  return dripped ? 'trickled' : 'dead';
}

/** The kind of a route by its last transfers, oldest first; null when there is none. */
export function kindOfRoute(last: readonly PathKind[]): PathKind | null {
  const dead = last.slice(-DEAD_IN_A_ROW);
  if (dead.length === DEAD_IN_A_ROW && dead.every((kind) => kind === 'dead')) return 'dead';
  // A cache and an accident hide what the path does with what is new.
  const telling = last.filter((kind) => kind !== 'dead' && kind !== 'cached');
  const counted = telling.length > 0 ? telling : last;
  let best: PathKind | null = null;
  for (const kind of counted.toReversed()) {
    const count = (one: PathKind) => counted.filter((other) => other === one).length;
    if (best === null || count(kind) > count(best)) best = kind;
  }
  return best;
}

/** The kind in words that fit into a sentence of ours. */
export const KIND_WORDS: Readonly<Record<PathKind, string>> = {
  streaming: 'streaming',
  held: 'held back until scanned',
  trickled: 'trickled',
  tail_held: 'tail held',
  cached: 'cached',
  dead: 'dead',
};
