// Applies changed settings of the log: a new level applies to the next line, and every other key after a restart.

import { changesOf } from '#config/following/changes.ts';
import type { CommitReport, Reloadable } from '#config/following/reload.ts';
import type { Settings } from '#config/settings.ts';
import type { Log } from '#logging/log.ts';

export class LogReloader implements Reloadable {
  readonly name = 'log';
  readonly #log: Pick<Log, 'setLevel'>;

  constructor(log: Pick<Log, 'setLevel'>) {
    this.#log = log;
  }

  verify(): void {
    // Every level of the schema is supported.
  }

  commit(from: Settings | null, to: Settings): Promise<CommitReport> {
    if (from?.logging.level !== to.logging.level) this.#log.setLevel(to.logging.level);
    return Promise.resolve({ changes: changesOf(from, to, { 'logging.level': 'now' }) });
  }
}
