// The hold on publication: until a date, verified packages stay ready and are not published. `updates hold` sets it,
// `updates release` ends it, and it ends by itself at its date.
//
// Guarantees: when `set` returns, the record is on disk and nothing is published any more. A change of the hold waits
// for running publications, and later ones wait for the change. The end is compared with the wall clock each time, so a
// wrong clock has no effect once it is corrected. A damaged record counts as a hold of a week, because publishing
// during a change freeze is worse than waiting. A crash leaves the old record or the new one.

import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import { coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { SavedState } from '#system/saved-state.ts';
import { Turns } from '#system/turns.ts';
import type { UpdateHours } from './windows.ts';

const DAY_MS = 86_400_000;
/** The longest hold. A later date is more likely a typing error than a plan. */
const MAX_HOLD_MS = 366 * DAY_MS;
/** The longest reason, in characters. */
export const MAX_REASON = 500;
/** How long a damaged record holds updates. */
const DAMAGED_HOLD_MS = 7 * DAY_MS;

const holdSchema = z.strictObject({
  until: momentSchema,
  since: momentSchema,
  reason: z.string().max(MAX_REASON),
  /** Who set it, as the kernel reported it: in words, and the uid; null if unknown. */
  by: z.string(),
  uid: z.int().nullable(),
  /** Its end was logged. */
  ended: z.boolean(),
});
const fileSchema = z.strictObject({ hold: holdSchema.nullable() });

/** One hold. Times are wall times in ms since the epoch. */
export type Hold = Readonly<Omit<z.infer<typeof holdSchema>, 'ended'>>;

/** Why nothing may be published now: a hold, or the hours of `updates.window.publish`. */
export type Closure =
  | { readonly kind: 'hold'; readonly untilMs: number; readonly hold: Hold }
  | { readonly kind: 'window'; readonly untilMs: number };

/** Why nothing may be published at this moment; null when packages may be published. */
export function closureNow(ports: {
  readonly hold: UpdatesHold;
  readonly windows: Pick<UpdateHours, 'closedUntil'>;
  readonly clock: Clock;
}): Closure | null {
  const held = ports.hold.closure(ports.clock.now());
  if (held !== null) return held;
  const untilMs = ports.windows.closedUntil('publish');
  return untilMs === null ? null : { kind: 'window', untilMs };
}

/** Why this time is not a valid end of a hold: HOLD-INVALID; null if it is. Pure. */
export function checkUntil(untilMs: number, nowMs: number): CodedError | null {
  const until = utcTime(untilMs);
  if (!(untilMs > nowMs)) return coded('HOLD-INVALID', { until, reason: 'that time is over' });
  if (untilMs - nowMs <= MAX_HOLD_MS) return null;
  return coded('HOLD-INVALID', { until, reason: 'a hold lasts at most 366 days' });
}

/** The hold of this host. */
export class UpdatesHold {
  readonly #saved: SavedState<z.infer<typeof fileSchema>>;
  readonly #turns = new Turns();
  readonly #publications = new Set<Promise<unknown>>();
  /** Changes that run or wait. */
  #changes = 0;
  #hold: z.infer<typeof holdSchema> | null = null;

  constructor(files: Files, path: string) {
    this.#saved = new SavedState(files, path, { format: 1, parse: (raw) => fileSchema.parse(raw) });
  }

  /** Loads the record; an unreadable one is set aside, and the returned error names it. */
  async load(nowMs: number): Promise<CodedError | null> {
    const loaded = await this.#saved.load();
    if (loaded.kind === 'loaded') this.#hold = loaded.value.hold;
    if (loaded.kind !== 'set-aside') return null;
    const reason = 'the record of the hold was damaged, so its end is unknown; release it or set it again';
    this.#hold = { until: nowMs + DAMAGED_HOLD_MS, since: nowMs, reason, by: 'Sallyport', uid: null, ended: false };
    await this.#save();
    return loaded.error;
  }

  /** The hold that is in effect; null when there is none. */
  current(nowMs: number): Hold | null {
    return this.#hold !== null && nowMs < this.#hold.until ? this.#hold : null;
  }

  /** The hold as a reason not to publish; null when there is none. */
  closure(nowMs: number): Closure | null {
    const hold = this.current(nowMs);
    return hold === null ? null : { kind: 'hold', untilMs: hold.until, hold };
  }

  /** Sets or replaces the hold. @throws CodedError FILE-*, DISK-FULL; the previous hold is then still in effect */
  async set(hold: Hold): Promise<void> {
    await this.#change(() => this.#replace({ ...hold, ended: false }));
  }

  /** Ends the hold. Returns the one that was in effect, or null. @throws CodedError FILE-*, DISK-FULL */
  async release(nowMs: number): Promise<Hold | null> {
    return await this.#change(async () => {
      const hold = this.current(nowMs);
      if (this.#hold !== null) await this.#replace(null);
      return hold;
    });
  }

  /**
   * Runs a publication, which asks for a closure before anything else. No hold begins before it has ended. Several may
   * run at the same time.
   */
  async publishing<T>(publication: () => Promise<T>): Promise<T> {
    while (this.#changes > 0) await this.#turns.idle();
    const running = publication();
    this.#publications.add(running);
    try {
      return await running;
    } finally {
      this.#publications.delete(running);
    }
  }

  /** The hold whose date has passed since the last call, to be logged once; null when there is none. */
  async takeEnded(nowMs: number): Promise<Hold | null> {
    return await this.#change(async () => {
      const hold = this.#hold;
      const isOver = hold !== null && nowMs >= hold.until;
      if (hold === null || hold.ended === isOver) return null;
      // A clock that was ahead and has been set back continues the hold.
      await this.#replace({ ...hold, ended: isOver });
      return isOver ? hold : null;
    });
  }

  async #change<T>(change: () => Promise<T>): Promise<T> {
    this.#changes += 1;
    try {
      return await this.#turns.run(change);
    } finally {
      this.#changes -= 1;
    }
  }

  async #replace(hold: z.infer<typeof holdSchema> | null): Promise<void> {
    while (this.#publications.size > 0) await Promise.allSettled(this.#publications);
    const before = this.#hold;
    this.#hold = hold;
    try {
      await this.#save();
    } catch (thrown) {
      this.#hold = before;
      throw thrown;
    }
  }

  async #save(): Promise<void> {
    await this.#saved.save(() => ({ hold: this.#hold }));
  }
}
