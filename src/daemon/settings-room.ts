// The settings in force: replaced as a whole, after every room has agreed. The first and simplest `Reloadable`.

import type { CommitReport, Reloadable } from '#config/reload.ts';
import type { Settings } from '#config/settings.ts';

/** Holds what everybody asks for by `settings()`. */
export class SettingsRoom implements Reloadable {
  readonly name = 'settings';
  #current: Settings;

  constructor(first: Settings) {
    this.#current = first;
  }

  get current(): Settings {
    return this.#current;
  }

  verify(): void {
    // Any settings that passed the schema can be held.
  }

  commit(_from: Settings | null, to: Settings): Promise<CommitReport> {
    this.#current = to;
    return Promise.resolve({ changes: [] });
  }
}
