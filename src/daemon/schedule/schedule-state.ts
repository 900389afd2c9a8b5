// What is known of each schedule across restarts: when it last ran, and how that went.
//
// One state file, format 2: {schedules: {<name>: {first_at, last_run_at, succeeded_at, failures, open, starved?}}}, wall times in
// ms since the epoch. Changes are in force at once and durable after `save`; saves run one after the other. Losing the
// file costs one run at once. A crash leaves the old file or the new one.

import { join } from 'node:path';
import { z } from 'zod';
import type { Settings } from '#config/settings.ts';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment.ts';
import { SavedState } from '#system/saved-state.ts';

const FORMAT = 2;

/** The name of the record of `updates.schedule`. */
export const UPDATES = 'updates';

/** Where the state of all schedules is. */
export function schedulesPath(settings: Settings): string {
  return join(settings.daemon.state_dir, 'schedules.json');
}

const recordSchema = z.strictObject({
  /** The first start that knew this schedule. */
  first_at: momentSchema,
  /** The beginning of the last run; every slot up to it is done with. */
  last_run_at: momentSchema,
  succeeded_at: momentSchema.nullable(),
  /** Runs in a row that failed. */
  failures: z.int().nonnegative(),
  /** A run has begun and its end was not seen. */
  open: z.boolean(),
  /** Slots that brought no complete feed though the way answered; absent while nothing is wrong. */
  starved: z.strictObject({ slots: z.int().positive(), counted: z.boolean() }).optional(),
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

  /** Loads the file; what can't be read is set aside and named. */
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

  /** Writes what is known when its turn comes. @throws CodedError DISK-FULL, FILE-* */
  save(): Promise<void> {
    return this.#state.save(() => ({ schedules: Object.fromEntries(this.#records) }));
  }
}
