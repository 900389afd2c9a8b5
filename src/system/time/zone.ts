// Converts between moments and the local time of a time zone. Pure; the zones are those of Node's own ICU.
//
// A local time is stored as if it were UTC, in milliseconds, so that days and minutes are plain arithmetic. `reached`
// never goes back: if a change of the zone skips a local time, it returns the moment of the change, and if a local time
// occurs twice, the first moment. It assumes at most one change of a zone within 28 hours; no zone has ever had two.

const HOUR_MS = 3_600_000;
/** Zones are between -12 and +14 hours from UTC; this is an hour more on each side. */
const AHEAD_MS = 15 * HOUR_MS;
const BEHIND_MS = 13 * HOUR_MS;
/** The range of `Date` and `Intl`, less a day; both throw beyond it. */
const FURTHEST_MS = 8.64e15 - 24 * HOUR_MS;

/** Whether this is the name of a time zone. An offset such as +02:00 is none. */
export function isZoneName(text: string): boolean {
  if (!/^[A-Za-z]/.test(text)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

export class Zone {
  readonly name: string;
  readonly #format: Intl.DateTimeFormat;

  /** The zone of this name, or that of the host. */
  constructor(name?: string) {
    this.#format = new Intl.DateTimeFormat('en-u-ca-iso8601-nu-latn', {
      ...(name === undefined ? {} : { timeZone: name }),
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    this.name = this.#format.resolvedOptions().timeZone;
  }

  /** The local time at this moment, in milliseconds. */
  local(moment: number): number {
    const atMs = withinRange(moment);
    const shown: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(atMs)) shown[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = shown;
    const wholeSeconds = Math.floor(atMs / 1_000) * 1_000;
    return Date.UTC(year, month - 1, day, hour, minute, second) + (atMs - wholeSeconds);
  }

  /** The first moment at which the local time is this or a later one. */
  reached(local: number): number {
    const localMs = withinRange(local);
    const [before, after] = [localMs - AHEAD_MS, localMs + BEHIND_MS];
    const candidates = [localMs - this.#offset(before), localMs - this.#offset(after)].sort((a, b) => a - b);
    for (const at of candidates) if (this.local(at) === localMs) return at;
    return this.changeBetween(before, after);
  }

  #offset(atMs: number): number {
    return this.local(atMs) - atMs;
  }

  /** The moment at which the offset changes, to the millisecond, if it does between these two. */
  changeBetween(fromMs: number, toMs: number): number {
    const old = this.#offset(fromMs);
    let [same, changed] = [fromMs, toMs];
    while (changed - same > 1) {
      const middle = Math.floor((same + changed) / 2);
      if (this.#offset(middle) === old) same = middle;
      else changed = middle;
    }
    return changed;
  }
}

/** Makes zones by their names and keeps the last one, because a zone is slow to make. */
export function latestZone(): (name: string | undefined) => Zone {
  let known: { readonly name: string | undefined; readonly zone: Zone } | null = null;
  return (name) => {
    if (known === null || known.name !== name) known = { name, zone: new Zone(name) };
    return known.zone;
  };
}

/** The nearest moment that `Intl` can show; 1970 for NaN. A state file or a log may contain any number. */
function withinRange(ms: number): number {
  // Whole milliseconds: with fractions the search for a change would never end.
  return Number.isNaN(ms) ? 0 : Math.floor(Math.max(-FURTHEST_MS, Math.min(FURTHEST_MS, ms)));
}
