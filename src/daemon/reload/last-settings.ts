// What the last settings in force said about proxies: the file of the next start or reload is compared with it.
//
// One small state file. Guarantees: it tells what was in force, never what was only tried; without it (a new
// installation, a file set aside) there is nothing to compare with and nothing is refused. No secret is in it. A crash
// leaves the old file or the new one; both were in force.

import { z } from 'zod';
import { byPurpose } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { type PurposeProxies, proxiesByPurpose } from '#proxy/choosing/bypass-guard.ts';
import type { Files } from '#system/files.ts';
import { loadState, saveState } from '#system/state-file.ts';

const FORMAT = 1;
const schema = z.strictObject({
  /** Name of the proxy of each purpose; null is direct. A purpose that is new since then had none. */
  proxies: z
    .record(z.string(), z.string().nullable())
    .transform((kept) => byPurpose((purpose) => kept[purpose] ?? null)),
  proxy_required: z.boolean(),
});

/** What is remembered. */
export interface LastEffective {
  readonly proxies: PurposeProxies;
  readonly proxy_required: boolean;
}

/** The memory of it. */
export class LastSettings {
  readonly #files: Files;
  readonly #path: string;
  #current: LastEffective | null = null;
  #isWritten = false;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Loads the file; what can't be read is set aside and named. */
  async load(): Promise<CodedError | null> {
    const loaded = await loadState(this.#files, this.#path, { format: FORMAT, parse: (raw) => schema.parse(raw) });
    if (loaded.kind === 'loaded') [this.#current, this.#isWritten] = [loaded.value, true];
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  /** Null when nothing is known. */
  get current(): LastEffective | null {
    return this.#current;
  }

  /** These are in force now; durable on return, and not written when they say the same. */
  async keep(settings: Settings): Promise<void> {
    const { proxy_required } = settings;
    const value = { proxies: proxiesByPurpose(settings), proxy_required };
    if (this.#isWritten && JSON.stringify(value) === JSON.stringify(this.#current)) return;
    // In force whether or not the disk takes it.
    [this.#current, this.#isWritten] = [value, false];
    await saveState(this.#files, this.#path, { format: FORMAT, value });
    this.#isWritten = true;
  }
}
