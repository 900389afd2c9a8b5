// The response timeout as a room that works with settings: other bounds hold from the next plan on, what was learned
// stays.

import { isDeepStrictEqual } from 'node:util';
import { changesOf } from '#config/following/changes.ts';
import type { CommitReport, Reloadable } from '#config/following/reload.ts';
import type { Effect } from '#config/schema/key.ts';
import type { Settings } from '#config/settings.ts';
import { ResponseTimeoutModel, type TimeoutSettings } from '#timeout/model.ts';

const TAKEN: Readonly<Record<string, Effect>> = {
  'response_timeout.mode': 'next_transfer',
  'response_timeout.base_ms': 'next_transfer',
  'response_timeout.min_ms': 'next_transfer',
  'response_timeout.max_ms': 'next_transfer',
  'response_timeout.total_max_ms': 'next_transfer',
};

export class TimeoutRoom implements Reloadable {
  readonly name = 'timeout';
  readonly #model: Pick<ResponseTimeoutModel, 'configure'>;

  constructor(model: Pick<ResponseTimeoutModel, 'configure'>) {
    this.#model = model;
  }

  verify(): void {
    // Every number of the schema is a bound.
  }

  commit(from: Settings | null, to: Settings): Promise<CommitReport> {
    this.#model.configure(timeoutSettings(to));
    return Promise.resolve({ changes: changesOf(from, to, TAKEN) });
  }
}

/** The section in the words of the model. */
export function timeoutSettings({ response_timeout: section }: Settings): TimeoutSettings {
  return {
    mode: section.mode,
    baseMs: section.base_ms,
    minMs: section.min_ms,
    maxMs: section.max_ms,
    totalMaxMs: section.total_max_ms,
  };
}

/** Whether the model takes a saved state as a whole: what it is given it then gives back. */
export function isTaken(learned: unknown): boolean {
  return learned === null || isDeepStrictEqual(new ResponseTimeoutModel({}, learned).save(), learned);
}
