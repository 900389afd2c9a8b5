// Reloads the schedule: if the timetable changes, the next check for updates is planned again at once.

import { changesOf } from '#config/following/changes.ts';
import type { CommitReport, Reloadable } from '#config/following/reload.ts';
import type { Effect } from '#config/schema/key.ts';
import type { Settings } from '#config/settings.ts';

const TAKEN: Readonly<Record<string, Effect>> = {
  time_zone: 'now',
  'updates.schedule': 'now',
  'updates.jitter_seconds': 'now',
  'updates.stale_after_hours': 'now',
};

export class ScheduleReloader implements Reloadable {
  readonly name = 'schedule';
  readonly #refresh: () => void;

  /** `refresh` plans with the new settings, so this reloader must run after the one that holds them. */
  constructor(refresh: () => void) {
    this.#refresh = refresh;
  }

  verify(): void {
    // Any expression that passed the schema can be scheduled.
  }

  commit(from: Settings | null, to: Settings): Promise<CommitReport> {
    const changes = changesOf(from, to, TAKEN);
    if (changes.length > 0) this.#refresh();
    return Promise.resolve({ changes });
  }
}
