// The files of the drop directory that could not be accepted. They are in `rejected/`, each with a file that gives the
// reason.
//
// Guarantees: each user has a limit of files and bytes. A file that exceeds it is deleted and reported. Files are moved
// by a rename, so no data is copied and no link is followed.

import { join } from 'node:path';
import { asCoded } from '#errors/coded-error.ts';
import { writeDurably } from '#system/durable.ts';
import type { FileFacts, Files } from '#system/files.ts';

/** Budget of one user. */
const MAX_FILES = 100;
const MAX_BYTES = 64 * 1_048_576;
const REASON_SUFFIX = '.reason.txt';
const REASON_MODE = 0o640;
const MAX_NAME_BYTES = 220;

export class RejectedFiles {
  readonly #files: Files;
  readonly #dir: string;

  constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /** Moves a file here with its reason. False: the budget of its owner is used up, so it was deleted. */
  async keep(
    path: string,
    file: { readonly name: string; readonly facts: FileFacts },
    reason: string,
  ): Promise<boolean> {
    const names = await this.#files.list(this.#dir);
    if (file.facts.kind !== 'file' || !(await this.#hasBudget(names, file.facts))) {
      await this.#files.remove(path);
      return false;
    }
    const target = join(this.#dir, freeName(file.name, new Set(names)));
    await this.#files.rename(path, target);
    // The file itself is what matters: without space for its reason, the log has it.
    await writeDurably(this.#files, target + REASON_SUFFIX, Buffer.from(`${reason}\n`), REASON_MODE).catch(asCoded);
    return true;
  }

  async #hasBudget(names: readonly string[], { owner, size }: FileFacts): Promise<boolean> {
    let [count, bytes] = [0, 0];
    for (const name of names) {
      const facts = await this.#files.facts(join(this.#dir, name));
      if (facts?.owner !== owner || name.endsWith(REASON_SUFFIX)) continue;
      count += 1;
      bytes += facts.size;
    }
    return count < MAX_FILES && bytes + size <= MAX_BYTES;
  }
}

/** A name with space for a number and the suffix; names have at most 255 bytes. */
function freeName(given: string, taken: ReadonlySet<string>): string {
  const wanted =
    Buffer.byteLength(given) <= MAX_NAME_BYTES
      ? given
      : Buffer.from(given)
          .subarray(0, MAX_NAME_BYTES / 2)
          .toString('latin1')
          .replace(/[^\w.-]/g, '_');
  let name = wanted;
  for (let number = 2; taken.has(name) || taken.has(name + REASON_SUFFIX); number += 1) name = `${wanted}.${number}`;
  return name;
}
