// The slots of a cron expression: the times that it names in a time zone. Pure.
//
// node-cron decides whether a local date and time match the expression, and `system/time/zone.ts` converts local times
// to moments. If the change to summer time skips a slot, the slot is due at the change. If a slot occurs twice, only
// the first time is due. node-cron's own `getNextRun` is not used, because it leaves out skipped slots and starts only
// from the current time.

import { createTask, parse } from 'node-cron';
import type { Zone } from '#system/time/zone.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
/** 29 February on a given day of the week recurs within 40 years; a slot further away never comes. */
const FURTHEST_DAYS = 41 * 366;

/** The slots of one expression in one zone. */
export class Slots {
  readonly #zone: Zone;
  readonly #fits: (local: Date) => boolean;
  readonly #months: ReadonlySet<number>;
  /** Times of day in ms since midnight, in order. */
  readonly #times: readonly number[];
  /** The last query and its result: the same query is frequent. */
  #cached: { readonly after: number; readonly next: number | null } | null = null;

  /** `expression` has passed the schema. */
  constructor(expression: string, zone: Zone) {
    this.#zone = zone;
    const { month, hour, minute } = parse(expression);
    this.#months = new Set(month);
    this.#times = hour.flatMap((h) => minute.map((m) => h * HOUR_MS + m * MINUTE_MS)).sort((a, b) => a - b);
    // Never started, only used for matching. A task that is not destroyed stays in the library's list permanently.
    const task = createTask(expression, () => undefined, { timezone: 'UTC' });
    void task.destroy();
    this.#fits = (local) => task.match(local);
  }

  /** The first slot after this moment, ms since the epoch; null when there is none. */
  next(afterMs: number): number | null {
    if (this.#cached?.after === afterMs) return this.#cached.next;
    const next = this.#find(afterMs);
    this.#cached = { after: afterMs, next };
    return next;
  }

  #find(afterMs: number): number | null {
    const local = this.#zone.local(afterMs);
    const today = Math.floor(local / DAY_MS) * DAY_MS;
    for (let day = today; day < today + FURTHEST_DAYS * DAY_MS; day += DAY_MS) {
      if (!this.#isDay(day)) continue;
      for (const time of this.#times) {
        // Every local time up to the present one has been reached.
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
