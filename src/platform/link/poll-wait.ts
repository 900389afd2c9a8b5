// Calculates how long the platform may hold a poll. Pure.
//
// Some proxies end a request that is silent for too long. If two polls in a row are cut, the following polls wait for a
// shorter time. A single cut is ignored, because the server may have restarted. After a day, the full wait is tried
// again.

/** Longest wait of a poll in seconds, and the shortest that is learned. */
const MAX_POLL_SECONDS = 60;
const MIN_POLL_SECONDS = 5;
/** How much of the time after which polls were cut is used. */
const SHARE = 0.8;
const REMEMBERED_MS = 86_400_000;
/** A poll that ends sooner was not cut because it waited. */
const SHORTEST_CUT_MS = 1_000;

/** What was learned about polls on this route. */
export interface PollWait {
  readonly seconds: number;
  /** How long the last poll that was cut had lasted; null if one of that length was answered since. */
  readonly cutMs: number | null;
  /** When a shorter wait was learned; null while the full wait is used. */
  readonly learnedAtMs: number | null;
}

export const FULL_WAIT: PollWait = { seconds: MAX_POLL_SECONDS, cutMs: null, learnedAtMs: null };

/** After a poll that was answered after `elapsedMs`. One that was answered sooner than the cut shows nothing. */
export function pollAnswered(wait: PollWait, elapsedMs: number, nowMs: number): PollWait {
  if (wait.learnedAtMs !== null && nowMs - wait.learnedAtMs >= REMEMBERED_MS) return FULL_WAIT;
  return wait.cutMs === null || elapsedMs < wait.cutMs ? wait : { ...wait, cutMs: null };
}

/** After a poll that the other side ended without an answer after `elapsedMs`. */
export function pollCut(wait: PollWait, elapsedMs: number, nowMs: number): PollWait {
  if (elapsedMs < SHORTEST_CUT_MS) return wait;
  if (wait.cutMs === null) return { ...wait, cutMs: elapsedMs };
  const shorter = Math.floor((Math.min(elapsedMs, wait.cutMs) * SHARE) / 1_000);
  const seconds = Math.max(MIN_POLL_SECONDS, Math.min(wait.seconds, shorter));
  return { seconds, cutMs: null, learnedAtMs: nowMs };
}
