// Converts the local times of an old log, which have no zone, to timestamps that can be subtracted. Pure.
//
// Guarantees: when summer time ends, an hour occurs twice. As soon as the times in the log jump back by this hour, they
// count as the second hour. Any other jump back is reported as a step of the clock, and times before it must not be
// compared with times after it. Concurrent threads may write lines out of order by up to two seconds.

/** `local` is the local time at a moment; `reached` is the first moment with a local time (`system/time/zone.ts`). */
export interface ZoneRules {
  local(atMs: number): number;
  reached(localMs: number): number;
}

/** A jump back of the clock that the times of the log show. */
export interface ClockNote {
  /** `step`: the clock was set back; `summer-time`: the hour that repeats. */
  readonly kind: 'step' | 'summer-time';
  /** The first time after the jump, as in the log. */
  readonly stamp: string;
  readonly backMs: number;
}

const JITTER_MS = 2_000;
/** Differences of summer time: one hour, and half an hour on Lord Howe Island. */
const FOLDS_MS = [3_600_000, 1_800_000];
/** If a log jumps back more often, its clock is unreliable, and the zone is no longer consulted. */
const MAX_LOOKUPS = 1_000;

/** Keeps the state of one log. */
export class LogClock {
  readonly #zone: ZoneRules;
  #latest = '';
  #floorMs = Number.NEGATIVE_INFINITY;
  #looks = 0;

  constructor(zone: ZoneRules) {
    this.#zone = zone;
  }

  /** Takes the time of each entry. Returns a note if the clock jumped back, otherwise null. */
  see(stamp: string): ClockNote | null {
    // Times of this form sort as text.
    if (stamp >= this.#latest) {
      this.#latest = stamp;
      return null;
    }
    const backMs = localMs(this.#latest) - localMs(stamp);
    if (backMs <= JITTER_MS) return null;
    this.#looks += 1;
    const again = this.#looks > MAX_LOOKUPS ? null : this.#secondTime(stamp);
    this.#latest = stamp;
    this.#floorMs = again ?? Number.NEGATIVE_INFINITY;
    return { kind: again === null ? 'step' : 'summer-time', stamp, backMs };
  }

  /** The timestamp of the entry last passed to `see`, in milliseconds since the epoch. */
  at(stamp: string): number {
    const [first, second] = this.#moments(stamp);
    const moment = second !== null && first < this.#floorMs - JITTER_MS ? second : first;
    this.#floorMs = Math.max(this.#floorMs, moment);
    return moment;
  }

  #secondTime(stamp: string): number | null {
    const before = this.at(this.#latest);
    const [, second] = this.#moments(stamp);
    return second !== null && second >= before - JITTER_MS ? second : null;
  }

  /** The moments with this local time: usually one, but two in the hour that repeats. */
  #moments(stamp: string): readonly [first: number, second: number | null] {
    const local = localMs(stamp);
    const first = this.#zone.reached(local);
    const fold = FOLDS_MS.find((ms) => this.#zone.local(first + ms) === local);
    return [first, fold === undefined ? null : first + fold];
  }
}

/** The milliseconds of a local time as if it were UTC. */
function localMs(stamp: string): number {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = stamp.split(/\D/).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
