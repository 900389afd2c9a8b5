// The moments that a cron expression names in a time zone: its slots. Pure.
//
// node-cron says what an expression means: its fields, and whether a time of day on a date fits. It is asked about
// plain dates, without a zone; where they lie in time is the zone's to say (`system/time/zone.ts`). Thus a slot that a change to
// summer time skips is due at the change, and one that comes twice is due once, the first time. node-cron's own
// `getNextRun` skips the former and knows no other moment than now.

import { createTask, parse } from 'node-cron';
import type { Zone } from '#system/time/zone.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** 29 February on a given day of the week comes back within 40 years; what comes later never comes. */
const FURTHEST_DAYS = 41 * 366;

/** The slots of one expression in one zone. */
export class Slots {
  readonly #zone: Zone;
  readonly #fits: (local: Date) => boolean;
  readonly #months: ReadonlySet<number>;
  /** Times of the day, ms since midnight, in order. */
  readonly #times: readonly number[];
  /** The last question and its answer: the same one is asked again and again. */
  #asked: { readonly after: number; readonly next: number | null } | null = null;

  /** `expression` has passed the schema. */
  constructor(expression: string, zone: Zone) {
    this.#zone = zone;
    const { month, hour, minute } = parse(expression);
    this.#months = new Set(month);
    this.#times = hour.flatMap((h) => minute.map((m) => h * HOUR_MS + m * MINUTE_MS)).sort((a, b) => a - b);
    // Never started: it is only asked. A task that is not destroyed stays in the library's list for ever.
    const task = createTask(expression, () => undefined, { timezone: 'UTC' });
    void task.destroy();
    this.#fits = (local) => task.match(local);
  }

  /** The first slot after this moment, ms since the epoch; null when none ever comes. */
  next(afterMs: number): number | null {
    if (this.#asked?.after === afterMs) return this.#asked.next;
    const next = this.#find(afterMs);
    this.#asked = { after: afterMs, next };
    return next;
  }

  #find(afterMs: number): number | null {
    const local = this.#zone.local(afterMs);
    const today = Math.floor(local / DAY_MS) * DAY_MS;
    for (let day = today; day < today + FURTHEST_DAYS * DAY_MS; day += DAY_MS) {
      if (!this.#isDay(day)) continue;
      for (const time of this.#times) {
        // Whatever the wall shows now or showed earlier has been reached.
        const at = day + time <= local ? null : this.#zone.reached(day + time);
        if (at !== null && at > afterMs) return at;
      }
    }
    return null;
  }

  #isDay(day: number): boolean {
    const [first] = this.#times;
    if (first === undefined || !this.#months.has(new Date(day).getUTCMonth() + 1)) return false;
    return this.#fits(new Date(day + first));
  }
}
