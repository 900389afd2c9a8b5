// The schedule as a room that works with settings: a changed expression or jitter plans the next round anew, at once.

import { changesOf } from '#config/changes.ts';
import type { CommitReport, Reloadable } from '#config/reload.ts';
import type { Effect } from '#config/schema/key.ts';
import type { Settings } from '#config/settings.ts';

const TAKEN: Readonly<Record<string, Effect>> = { 'updates.schedule': 'now', 'updates.jitter_seconds': 'now' };

export class ScheduleRoom implements Reloadable {
  readonly name = 'schedule';
  readonly #plan: (settings: Settings) => void;

  /** `plan` begins the schedule of these settings in place of the one before. */
  constructor(plan: (settings: Settings) => void) {
    this.#plan = plan;
  }

  verify(): void {
    // Any expression that passed the schema can be planned by.
  }

  commit(from: Settings | null, to: Settings): Promise<CommitReport> {
    const changes = changesOf(from, to, TAKEN);
    if (changes.length > 0) this.#plan(to);
    return Promise.resolve({ changes });
  }
}
