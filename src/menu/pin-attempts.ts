// Limits how often a PIN can be tried, even if the menu is restarted in between.
//
// Guarantees: an attempt is recorded before it is made. If the file cannot be written, the attempts of this process are
// still limited. A clock that is set back only makes the wait longer. Without a state folder, as in a menu that root
// started, nothing is stored.

import { join } from 'node:path';
import { z } from 'zod';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { SavedState } from '#system/saved-state.ts';

/** Wrong attempts in a row, and the time of the last one in milliseconds since 1970. */
export interface Attempts {
  readonly failures: number;
  readonly lastMs: number;
}

const FREE_ATTEMPTS = 3;
const FIRST_WAIT_MS = 30_000;
const MAX_WAIT_MS = 900_000;
const NONE: Attempts = { failures: 0, lastMs: 0 };

/** How long the next attempt has to wait, in milliseconds. Pure. */
export function waitBefore({ failures, lastMs }: Attempts, nowMs: number): number {
  if (failures < FREE_ATTEMPTS) return 0;
  const pause = Math.min(MAX_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(failures - FREE_ATTEMPTS, 10));
  return Math.max(0, pause - Math.max(0, nowMs - lastMs));
}

const schema = z.object({ failures: z.int().min(0).max(1_000_000), lastMs: z.number() });

export class PinAttempts {
  readonly #clock: Pick<Clock, 'now'>;
  readonly #saved: SavedState<Attempts> | null;
  #attempts: Attempts = NONE;

  /** @param folder where the attempts are stored; null for nowhere */
  constructor(files: Files, clock: Pick<Clock, 'now'>, folder: string | null) {
    this.#clock = clock;
    this.#saved =
      folder === null
        ? null
        : new SavedState(files, join(folder, 'pin-attempts.json'), {
            format: 1,
            parse: (raw) => schema.parse(raw),
          });
  }

  /** Records an attempt. Returns how long it has to wait instead, in milliseconds; 0 if it may be made now. */
  async begin(): Promise<number> {
    const loaded = await this.#saved?.load().catch(() => null);
    if (loaded?.kind === 'loaded' && loaded.value.failures > this.#attempts.failures) this.#attempts = loaded.value;
    const waitMs = waitBefore(this.#attempts, this.#clock.now());
    if (waitMs > 0) return waitMs;
    await this.#set({ failures: this.#attempts.failures + 1, lastMs: this.#clock.now() });
    return 0;
  }

  /** The PIN was right. */
  async succeed(): Promise<void> {
    await this.#set(NONE);
  }

  async #set(attempts: Attempts): Promise<void> {
    this.#attempts = attempts;
    await this.#saved?.save(() => attempts).catch(() => undefined);
  }
}
