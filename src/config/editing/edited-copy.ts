// The copy of the configuration file that `config edit` opens in an editor, and the lock that allows one edit at a time.
//
// Guarantees: only this user can read the copy, and files that the editor makes next to it, because they are in a folder
// of mode 0700. Only one process has the lock. A crash leaves the folder with the copy, but not the lock. The next edit
// keeps that copy under another name.

import { basename, dirname, join } from 'node:path';
import { MAX_FILE_BYTES } from '#config/reading/read-bounded.ts';
import { CodedError, coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { readWhole, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { acquireLock, type Lock } from '#system/lock.ts';
import { asText, forbidden } from './edit-file.ts';

/** Ends the name of a copy that an earlier edit left. */
const PREVIOUS = '.previous';

/** A copy that is being edited. */
export class EditedCopy {
  /** Where the editor finds it. */
  readonly path: string;
  /** The copy that an earlier edit left; null if there is none. */
  previous: string | null = null;
  readonly #folder: string;
  readonly #files: Files;
  readonly #lock: Lock;

  private constructor(folder: string, name: string, parts: { readonly files: Files; readonly lock: Lock }) {
    this.#folder = folder;
    this.path = join(folder, name);
    this.#files = parts.files;
    this.#lock = parts.lock;
  }

  /** Makes the copy of a file. @throws CodedError CONFIG-EDITED, CONFIG-FORBIDDEN, FILE-* */
  static async make(
    { path, text }: { readonly path: string; readonly text: string },
    parts: { readonly files: Files; readonly clock: Clock },
  ): Promise<EditedCopy> {
    const { files } = parts;
    const folder = join(dirname(path), `.${basename(path)}.edit`);
    let lock: Lock;
    try {
      // Another edit may take hours, so nothing waits for it.
      lock = await acquireLock(folder, { ...parts, mode: 'daemon' });
    } catch (thrown) {
      throw forbidden(toEdited(thrown, path), path);
    }
    const draft = new EditedCopy(folder, basename(path), { files, lock });
    try {
      await draft.#keepPrevious();
      await writeDurably(files, draft.path, Buffer.from(text), 0o600);
      return draft;
    } catch (thrown) {
      await draft.remove();
      throw forbidden(thrown, path);
    }
  }

  /** What the editor left. @throws CodedError CONFIG-UNREADABLE, FILE-* */
  async read(): Promise<{ readonly text: string; readonly digest: string }> {
    return asText(await readWhole(this.#files, this.path, MAX_FILE_BYTES), this.path);
  }

  /** Removes everything but the copy of an earlier edit, and releases the lock. */
  async remove(): Promise<void> {
    try {
      for (const name of await this.#files.list(this.#folder)) {
        if (!name.endsWith(PREVIOUS)) await this.#files.remove(join(this.#folder, name));
      }
      await this.#files.removeFolder(this.#folder);
    } catch {
      // Whatever else is in the folder stays; it is as private as the copy was.
    } finally {
      this.#lock.release();
    }
  }

  /** Releases the lock and keeps the copy. */
  keep(): void {
    this.#lock.release();
  }

  async #keepPrevious(): Promise<void> {
    if ((await this.#files.facts(this.path)) === null) return;
    this.previous = `${this.path}${PREVIOUS}`;
    await this.#files.rename(this.path, this.previous);
  }
}

function toEdited(thrown: unknown, file: string): unknown {
  if (!(thrown instanceof CodedError) || thrown.code !== 'LOCK-HELD') return thrown;
  const { pid, host, since } = thrown.facts as { readonly pid: number; readonly host: string; readonly since: number };
  return coded('CONFIG-EDITED', { file, pid, host, since }, thrown);
}
