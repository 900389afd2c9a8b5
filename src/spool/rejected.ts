// What the far side refused for good: `rejected/`, for a person to look at, never sent again.
//
// Guarantees: as many of the newest are kept as the quota of the kind allows to wait, so that refusals cannot fill the
// disk; the oldest goes first. A crash leaves an entry here or in the folder of the kind, where its record says that it
// was rejected and the move is finished.

import { join } from 'node:path';
import type { KindFolder } from './folder.ts';
import type { Quota } from './kind.ts';
import { partName, REJECTED, readName } from './names.ts';

const PARTS = ['attachment', 'json'] as const;

/** The rejected entries of one kind. */
export class Rejected {
  readonly #folder: KindFolder;
  readonly #quota: Quota;
  readonly #dir: string;
  /** Bytes by number, oldest first. */
  readonly #kept = new Map<number, number>();
  #bytes = 0;

  constructor(folder: KindFolder, quota: Quota) {
    this.#folder = folder;
    this.#quota = quota;
    this.#dir = join(folder.dir, REJECTED);
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Looks what is there. Returns the greatest number that is taken, 0 if there is none. */
  async load(): Promise<number> {
    const { files } = this.#folder;
    for (const name of await files.list(this.#dir)) {
      const own = readName(name);
      if (own === null) continue;
      this.#note(own.sequence, (await files.facts(join(this.#dir, name)))?.size ?? 0);
    }
    return Math.max(0, [...this.#kept.keys()].at(-1) ?? 0);
  }

  /** Moves an entry here, durably. @throws CodedError FILE-* */
  async take(sequence: number, bytes: number): Promise<void> {
    const { files, dir } = this.#folder;
    await files.makeDirectory(this.#dir, 0o700);
    // The head last: while it is in its old place, the next start finds the rest of the work.
    for (const part of PARTS) {
      const from = this.#folder.path(sequence, part);
      const isThere = (await files.facts(from)) !== null;
      if (isThere) await files.rename(from, join(this.#dir, partName(sequence, part)));
    }
    await files.syncDirectory(this.#dir);
    await files.syncDirectory(dir);
    this.#note(sequence, bytes);
    await this.#trim();
  }

  #note(sequence: number, bytes: number): void {
    this.#kept.set(sequence, (this.#kept.get(sequence) ?? 0) + bytes);
    this.#bytes += bytes;
  }

  async #trim(): Promise<void> {
    const { files } = this.#folder;
    const before = this.#kept.size;
    for (const [sequence, bytes] of this.#kept) {
      if (this.#kept.size <= this.#quota.entries && this.#bytes <= this.#quota.bytes) break;
      for (const part of PARTS) await files.remove(join(this.#dir, partName(sequence, part)));
      this.#kept.delete(sequence);
      this.#bytes -= bytes;
    }
    if (this.#kept.size < before) await files.syncDirectory(this.#dir);
  }
}
