// Stores the proxies of the last active settings, which are compared with the file at the next start or reload.
//
// Guarantees: only settings that were active are stored, never settings that were only tested. No secret is stored. If
// the file is missing, as in a new installation, nothing is compared and no setting is refused. A crash leaves the old
// file or the new one; the settings in both were active.

import { z } from 'zod';
import { byPurpose } from '#config/purposes.ts';
import type { Settings } from '#config/settings.ts';
import type { CodedError } from '#errors/coded-error.ts';
import { type PurposeProxies, proxiesByPurpose } from '#proxy/choosing/bypass-guard.ts';
import type { Files } from '#system/files.ts';
import { loadState, saveState } from '#system/state-file.ts';

const FORMAT = 1;
const schema = z.strictObject({
  /** Name of the proxy of each purpose; null is direct. A purpose that has been added since has no entry. */
  proxies: z
    .record(z.string(), z.string().nullable())
    .transform((kept) => byPurpose((purpose) => kept[purpose] ?? null)),
  proxy_required: z.boolean(),
});

/** What is stored. */
export interface LastEffective {
  readonly proxies: PurposeProxies;
  readonly proxy_required: boolean;
}

/** The store of it. */
export class LastSettings {
  readonly #files: Files;
  readonly #path: string;
  #current: LastEffective | null = null;
  #isWritten = false;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Loads the file; an unreadable one is set aside, and the returned error names it. */
  async load(): Promise<CodedError | null> {
    const loaded = await loadState(this.#files, this.#path, { format: FORMAT, parse: (raw) => schema.parse(raw) });
    if (loaded.kind === 'loaded') [this.#current, this.#isWritten] = [loaded.value, true];
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  /** Null when nothing is known. */
  get current(): LastEffective | null {
    return this.#current;
  }

  /** Records the active settings; durable on return. Unchanged content is not written again. */
  async keep(settings: Settings): Promise<void> {
    const { proxy_required } = settings;
    const value = { proxies: proxiesByPurpose(settings), proxy_required };
    if (this.#isWritten && JSON.stringify(value) === JSON.stringify(this.#current)) return;
    // They are active whether or not the disk accepts the file.
    [this.#current, this.#isWritten] = [value, false];
    await saveState(this.#files, this.#path, { format: FORMAT, value });
    this.#isWritten = true;
  }
}
