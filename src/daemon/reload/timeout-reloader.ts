// Applies changed settings of the response timeout: new limits apply to the next plan, and the learned data is kept.

import { changesOf } from '#config/following/changes.ts';
import type { CommitReport, Reloadable } from '#config/following/reload.ts';
import type { Effect } from '#config/schema/key.ts';
import type { Settings } from '#config/settings.ts';
import type { ResponseTimeoutModel } from '#timeout/model.ts';
import { timeoutSettings } from '#timeout/settings.ts';

const TAKEN: Readonly<Record<string, Effect>> = {
  'response_timeout.mode': 'next_transfer',
  'response_timeout.base_ms': 'next_transfer',
  'response_timeout.min_ms': 'next_transfer',
  'response_timeout.max_ms': 'next_transfer',
  'response_timeout.total_max_ms': 'next_transfer',
  'response_timeout.probe': 'next_transfer',
};

export class TimeoutReloader implements Reloadable {
  readonly name = 'timeout';
  readonly #model: Pick<ResponseTimeoutModel, 'configure'>;

  constructor(model: Pick<ResponseTimeoutModel, 'configure'>) {
    this.#model = model;
  }

  verify(): void {
    // Every number that the schema allows is a valid limit.
  }

  commit(from: Settings | null, to: Settings): Promise<CommitReport> {
    this.#model.configure(timeoutSettings(to));
    return Promise.resolve({ changes: changesOf(from, to, TAKEN) });
  }
}
