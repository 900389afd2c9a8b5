// Stores the last run of each schedule and its result, so that they survive a restart.
//
// There is one state file, format 2: {schedules: {<name>: {first_at, last_run_at, succeeded_at, failures, open,
// starved?, waits_for?}}}, with wall times in ms since the epoch. A change is used at once and is durable after `save`. Saves run
// one after the other. If the file is lost, there is one extra run. A crash leaves the old file or the new one.

import { join } from 'node:path';
import { z } from 'zod';
import type { Settings } from '#config/settings.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { SavedState } from '#system/saved-state.ts';
import { WINDOW_NAMES } from '#updates/hold/windows.ts';

const FORMAT = 2;

/** The name of the record of `updates.schedule`. */
export const UPDATES = 'updates';

/** Path of the state of all schedules. */
export function schedulesPath(settings: Settings): string {
  return join(settings.daemon.state_dir, 'schedules.json');
}

const recordSchema = z.strictObject({
  /** The first start with this schedule. */
  first_at: momentSchema,
  /** The start of the last run; every slot up to it is done. */
  last_run_at: momentSchema,
  succeeded_at: momentSchema.nullable(),
  /** Consecutive failed runs. */
  failures: z.int().nonnegative(),
  /** A run has started and its end was not recorded. */
  open: z.boolean(),
  /** Slots without a complete feed although a proxy or the server answered; absent when there are none. */
  starved: z.strictObject({ slots: z.int().positive(), counted: z.boolean() }).optional(),
  /** The hours of `updates.window` that packages wait for; absent when none waits. */
  waits_for: z.array(z.enum(WINDOW_NAMES)).optional(),
});
const stateSchema = z.strictObject({ schedules: z.record(z.string(), recordSchema) });

/** One schedule. */
export type ScheduleRecord = Readonly<z.infer<typeof recordSchema>>;

/** The state of all schedules, by name. */
export class ScheduleState {
  readonly #state: SavedState<z.infer<typeof stateSchema>>;
  #records = new Map<string, ScheduleRecord>();

  constructor(files: Files, path: string) {
    this.#state = new SavedState(files, path, { format: FORMAT, parse: (raw) => stateSchema.parse(raw) });
  }

  /** Loads the file; an unreadable one is set aside, and the returned error names it. */
  async load(): Promise<CodedError | null> {
    const loaded = await this.#state.load();
    if (loaded.kind === 'loaded') this.#records = new Map(Object.entries(loaded.value.schedules));
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  get(name: string): ScheduleRecord | null {
    return this.#records.get(name) ?? null;
  }

  put(name: string, record: ScheduleRecord): void {
    this.#records.set(name, record);
  }

  /** Writes the state as it is when the write starts. @throws CodedError DISK-FULL, FILE-* */
  save(): Promise<void> {
    return this.#state.save(() => ({ schedules: Object.fromEntries(this.#records) }));
  }
}
