// The times of an old log, which are local and have no zone, made into moments that can be subtracted.
//
// Guarantees: a time that comes twice when summer time ends is the later of the two once the log has gone back by it;
// any other way back is told as a step of the clock, after which nothing before may be compared with anything behind.
// Lines of several threads may change places within two seconds. Pure; the rules of the zone come with the zone.

/** What a clock of the zone shows, and when it first shows it (`system/time/zone.ts`). */
export interface ZoneRules {
  local(atMs: number): number;
  reached(localMs: number): number;
}

/** Something about the clock that the log gave away. */
export interface ClockNote {
  /** `step`: somebody set the clock back; `summer-time`: the hour that comes twice. */
  readonly kind: 'step' | 'summer-time';
  /** The first time after it, as the log has it. */
  readonly stamp: string;
  readonly backMs: number;
}

const JITTER_MS = 2_000;
/** By how much summer time differs: an hour, and half of one at Lord Howe. */
const FOLDS_MS = [3_600_000, 1_800_000];
/** A log that goes back more often has no clock worth asking a zone about. */
const MAX_LOOKUPS = 1_000;

/** Follows one log, line by line. */
export class LogClock {
  readonly #zone: ZoneRules;
  #latest = '';
  #floorMs = Number.NEGATIVE_INFINITY;
  #looks = 0;

  constructor(zone: ZoneRules) {
    this.#zone = zone;
  }

  /** To be told of every entry. Returns what it gave away, mostly nothing. */
  see(stamp: string): ClockNote | null {
    // Such times compare as text.
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

  /** The moment of an entry that was just seen, in milliseconds since the epoch. */
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

  /** When a clock shows this: mostly once, twice in the hour that comes again. */
  #moments(stamp: string): readonly [first: number, second: number | null] {
    const local = localMs(stamp);
    const first = this.#zone.reached(local);
    const fold = FOLDS_MS.find((ms) => this.#zone.local(first + ms) === local);
    return [first, fold === undefined ? null : first + fold];
  }
}

/** The milliseconds that a local time would be in UTC. */
function localMs(stamp: string): number {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = stamp.split(/\D/).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}
