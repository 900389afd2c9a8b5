// A folder of entries that are never sent and are kept for an admin: `rejected/` or `quarantine/` of one kind of data.
//
// Guarantees: the quota of the kind limits the folder, so that refused or damaged entries cannot fill the disk. The
// oldest entry is removed first, with its attachment; the newest one is always kept. Files with unknown names are not
// touched and not counted. Only the first removal is reported. A crash during a removal leaves part of an entry, which
// the next removal deletes.

import { join } from 'node:path';
import { CodedError } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Files } from '#system/files.ts';
import type { Quota } from './kind.ts';

/** `000000000001.attachment`, `000000000001.json.format-3.2`, `settled.log.2`. */
const OWN_NAME = /^(\d{12,15}\.(?:json|attachment|settled)|settled\.log)((?:\.format-\d{1,9})?(?:\.\d{1,9})?)$/;

export interface SetAsideOptions {
  readonly dir: string;
  readonly quota: Quota;
  readonly report: Report;
  /** What a file name belongs to, as text; null for a foreign name. Entries of a spool by default. */
  readonly keyOf?: (name: string) => string | null;
}

/** One entry: the names of its files, and their total bytes. */
interface Kept {
  readonly names: string[];
  bytes: number;
}

export class SetAside {
  readonly dir: string;
  readonly #files: Files;
  readonly #quota: Quota;
  readonly #report: Report;
  readonly #keyOf: (name: string) => string | null;
  /** By number and suffix, oldest first. */
  readonly #kept = new Map<string, Kept>();
  #bytes = 0;
  #isReported = false;

  constructor(files: Files, { dir, quota, report, keyOf = entryKey }: SetAsideOptions) {
    this.dir = dir;
    this.#files = files;
    this.#quota = quota;
    this.#report = report;
    this.#keyOf = keyOf;
  }

  /** The files of each entry, oldest first, and their bytes. */
  list(): readonly Kept[] {
    return [...this.#kept.values()];
  }

  /** Entries in it. */
  get size(): number {
    return this.#kept.size;
  }

  /** Reads the folder and removes what exceeds the quota. Returns the greatest number in use, 0 if there is none. */
  async load(): Promise<number> {
    for (const name of await this.#files.list(this.dir)) {
      this.count(name, (await this.#files.facts(join(this.dir, name)))?.size ?? 0);
    }
    await this.trim();
    return [...this.#kept.keys()].reduce((most, key) => Math.max(most, Number.parseInt(key, 10) || 0), 0);
  }

  /** Counts a file that was just moved here. Its entry becomes the newest. */
  count(name: string, bytes: number): void {
    const key = this.#keyOf(name);
    if (key === null) return;
    const { names, bytes: before } = this.#kept.get(key) ?? { names: [], bytes: 0 };
    this.#kept.delete(key);
    this.#kept.set(key, { names: [...names, name], bytes: before + bytes });
    this.#bytes += bytes;
  }

  /** Removes the oldest entries that exceed the quota. A file that cannot be removed stays and still counts. */
  async trim(): Promise<void> {
    const before = this.#kept.size;
    for (const [key, { names, bytes }] of this.#kept) {
      if (this.#isWithinQuota || this.#kept.size === 1) break;
      const remove = async () => {
        for (const name of names) await this.#files.remove(join(this.dir, name));
      };
      if (!(await this.#try(remove))) continue;
      this.#kept.delete(key);
      this.#bytes -= bytes;
    }
    if (this.#kept.size === before) return;
    await this.#try(() => this.#files.syncDirectory(this.dir));
    if (this.#isReported) return;
    this.#isReported = true;
    const { entries, bytes: limit } = this.#quota;
    this.#report({ name: 'set-aside-full', dir: this.dir, entries, limit });
  }

  /** False for an expected failure: a file that cannot be removed now is removed with a later entry. */
  async #try(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      return false;
    }
  }

  get #isWithinQuota(): boolean {
    return this.#kept.size <= this.#quota.entries && this.#bytes <= this.#quota.bytes;
  }
}

/** Head and attachment of an entry have the same number and the same suffix. */
function entryKey(name: string): string | null {
  const [, file, suffix] = OWN_NAME.exec(name) ?? [];
  return file === undefined ? null : `${Number.parseInt(file, 10) || file}${suffix}`;
}
