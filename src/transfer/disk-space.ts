// Whether the rest of a download fits on the disk, checked before it begins and while it runs.
//
// Guarantees: a download that can't be held beside the reserve is refused before a byte is asked for; one that runs
// ends as soon as a look at the disk shows that the rest will not fit, with every byte kept. What a quota allows is not
// asked: EDQUOT is met by the write itself. Relies on `Files`; keeps nothing.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { showSize } from '#errors/template.ts';
import type { Files } from '#system/files.ts';

/** The disk is asked again after so many bytes: often enough for any reserve, too seldom to cost anything. */
const LOOK_EVERY_BYTES = 8 * 1_048_576;

/** What stays free whatever is fetched, and the key that says so. */
export interface Reserve {
  readonly bytes: number;
  readonly key: string;
}

/** Checks the free space; null when the rest fits beside the reserve. Pure. */
export function checkSpace(
  path: string,
  room: { readonly free: number; readonly needed: number; readonly reserve: Reserve },
): CodedError | null {
  const { free, needed, reserve } = room;
  if (needed === 0 || needed + reserve.bytes <= free) return null;
  const reason = `${showSize(needed)} are needed and ${reserve.key} keeps ${showSize(reserve.bytes)}, ${showSize(free)} are free`;
  return coded('DISK-FULL', { operation: 'fetch', path, reason, needed, free, reserve: reserve.bytes });
}

/** Watches the free space for one file. */
export class SpaceWatch {
  readonly #files: Files;
  readonly #path: string;
  readonly #reserve: Reserve;
  #sinceLook = 0;
  #looking = false;
  #found: Error | null = null;

  constructor(files: Files, path: string, reserve: Reserve) {
    this.#files = files;
    this.#path = path;
    this.#reserve = reserve;
  }

  /** @throws CodedError DISK-FULL when so many bytes more do not fit */
  async ensure(needed: number): Promise<void> {
    const free = await this.#files.freeSpace(this.#path);
    const error = checkSpace(this.#path, { free, needed, reserve: this.#reserve });
    if (error !== null) throw error;
  }

  /** Told of bytes written; looks in the background. @throws what the last look found */
  wrote(bytes: number, rest: number): void {
    if (this.#found !== null) throw this.#found;
    this.#sinceLook += bytes;
    if (this.#sinceLook < LOOK_EVERY_BYTES || this.#looking || rest === 0) return;
    this.#sinceLook = 0;
    this.#looking = true;
    void this.ensure(rest)
      .catch((thrown: unknown) => {
        this.#found = thrown instanceof Error ? thrown : asCoded(thrown);
      })
      .finally(() => {
        this.#looking = false;
      });
  }
}
