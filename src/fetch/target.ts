// The file that a fetch stores. Until it is complete, its bytes are in FILE.part, a folder next to FILE.
//
// Guarantees: FILE appears in one step, complete and synced, with the mode that the umask of the caller allows. An
// existing FILE is replaced only on request, and only if it is a regular file. FILE.part belongs to this user, no other
// user can enter it, and one process at a time uses it. A crash leaves FILE.part, and the next command continues with
// it.

import { basename, dirname, join } from 'node:path';
import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { type FileIdentity, type Files, isSameFile } from '#system/files.ts';
import { publishNew } from '#system/folders/publish-new.ts';
import { continueDigest } from '#system/hashing/running-digest.ts';
import { acquireLock, LOCK_FILE, type Lock } from '#system/lock.ts';
import { ownFolder } from '#system/own-folder.ts';
import { closeJournal, stagedPath } from '#transfer/journal.ts';

/** The name of the journal and of the copies in FILE.part. */
export const PART_NAME = 'file';
const READ_AND_WRITE_BY_ALL = 0o666;
const LOCK_TRIES = 3;

interface TargetPorts {
  readonly files: Files;
  readonly clock: Clock;
  /** Permission bits that new files do not get. */
  readonly umask: number;
}

/** The path that a fetch writes to, absolute; a relative one starts at `folder`. @throws CodedError FETCH-TARGET */
export async function resolveTarget(
  files: Files,
  wanted: { readonly url: URL; readonly output: string | null; readonly folder: string },
): Promise<string> {
  const { url, output, folder } = wanted;
  // As curl -O: the part as it is in the URL, still encoded, so that it cannot name another folder.
  const name = output ?? url.pathname.split('/').at(-1) ?? '';
  if (name === '') {
    const reason = output === null ? 'the URL does not end with a file name' : 'the name is empty';
    throw coded('FETCH-TARGET', { path: folder, reason });
  }
  const path = name.startsWith('/') ? name : join(folder, name);
  if (name.endsWith('/')) throw coded('FETCH-TARGET', { path, reason: 'it names a folder' });
  const parent = await files.realPath(dirname(path)).catch((thrown: unknown) => {
    const reason = String(asCoded(thrown).facts['reason'] ?? 'its folder cannot be opened');
    throw coded('FETCH-TARGET', { path, reason: `its folder cannot be used (${reason})` }, thrown);
  });
  return join(parent, basename(path));
}

/** The digest and size of an existing target; null if there is none. @throws CodedError FETCH-TARGET, FILE-* */
export async function hashExisting(
  files: Files,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly bytes: number; sha256(): Promise<string> } | null> {
  const facts = await files.facts(path);
  if (facts === null) return null;
  if (facts.kind !== 'file') throw coded('FETCH-TARGET', { path, reason: `it is a ${facts.kind}` });
  return {
    bytes: facts.size,
    async sha256() {
      const file = await files.openToRead(path);
      try {
        return (await (await continueDigest(file, file.facts().size, signal)).end()).sha256;
      } finally {
        await file.close();
      }
    },
  };
}

/** FILE.part while this process uses it. */
export class PartFolder {
  readonly #ports: TargetPorts;
  readonly #target: string;
  readonly #lock: Lock;

  private constructor(ports: TargetPorts, target: string, lock: Lock) {
    this.#ports = ports;
    this.#target = target;
    this.#lock = lock;
  }

  /** @throws CodedError FETCH-BUSY, FOLDER-UNSAFE, FILE-*, DISK-FULL */
  static async open(ports: TargetPorts, target: string): Promise<PartFolder> {
    const { files, clock } = ports;
    const path = `${target}.part`;
    for (let tries = 1; ; tries += 1) {
      const facts = await files.facts(path);
      if (facts !== null && facts.kind !== 'directory') {
        throw coded('FETCH-TARGET', { path: target, reason: `${path} is a ${facts.kind}` });
      }
      await ownFolder(files, path, { mode: 0o700, what: 'the folder for partial downloads', isPrivate: true });
      // A daemon does not wait for another process, and neither does this command.
      const lock = await acquireLock(path, { files, clock, mode: 'daemon' }).catch((thrown: unknown) => {
        const isHeld = thrown instanceof CodedError && thrown.code === 'LOCK-HELD';
        throw isHeld ? coded('FETCH-BUSY', { path: target }, thrown) : thrown;
      });
      // Another process may have finished and removed the folder before the lock was free.
      if ((await files.facts(join(path, LOCK_FILE))) !== null) {
        const part = new PartFolder(ports, target, lock);
        await part.#discardPublished();
        return part;
      }
      lock.release();
      if (tries === LOCK_TRIES) throw coded('FETCH-BUSY', { path: target });
    }
  }

  get path(): string {
    return `${this.#target}.part`;
  }

  /** Bytes that are kept. */
  async keptBytes(): Promise<number> {
    const { files } = this.#ports;
    const names = (await files.list(this.path)).filter((name) => name.includes('.unverified'));
    const sizes = await Promise.all(names.map(async (name) => (await files.facts(join(this.path, name)))?.size ?? 0));
    return Math.max(0, ...sizes);
  }

  /** After a crash in `publish`, the copy is a second name of a file that has its final name. */
  async #discardPublished(): Promise<void> {
    const facts = await this.#ports.files.facts(stagedPath(this.path, PART_NAME));
    if (facts !== null && facts.links > 1) await this.discard();
  }

  /** Deletes the bytes. */
  async discard(): Promise<void> {
    await closeJournal(this.#ports.files, this.path, PART_NAME);
  }

  /** Gives the complete file its final name. @throws CodedError FETCH-EXISTS, FETCH-TARGET, FILE-* */
  async publish(staged: { readonly path: string; readonly file: FileIdentity }, isForced: boolean): Promise<void> {
    const { files, umask } = this.#ports;
    const facts = await files.facts(staged.path);
    if (facts === null || !isSameFile(staged.file, facts)) throw coded('FILE-SWAPPED', { path: staged.path });
    await files.give(staged.path, { ...facts, mode: READ_AND_WRITE_BY_ALL & ~umask });
    const existing = await files.facts(this.#target);
    if (existing !== null && existing.kind !== 'file') {
      throw coded('FETCH-TARGET', { path: this.#target, reason: `it is a ${existing.kind}` });
    }
    if (isForced) await files.rename(staged.path, this.#target);
    else if (!(await publishNew(files, staged.path, this.#target))) {
      throw coded('FETCH-EXISTS', { path: this.#target, reason: 'it was created meanwhile' });
    }
    await files.syncDirectory(dirname(this.#target));
  }

  /** Releases the folder, and removes it if no bytes are kept. */
  async close(): Promise<void> {
    const { files } = this.#ports;
    try {
      if ((await this.keptBytes()) === 0) await this.discard();
      if ((await files.list(this.path)).every((name) => name.startsWith(LOCK_FILE))) {
        // While the lock is held: the next process then creates its own folder.
        for (const name of await files.list(this.path)) await files.remove(join(this.path, name));
        await files.removeFolder(this.path);
      }
    } catch {
      // An empty folder that is left is harmless.
    } finally {
      this.#lock.release();
    }
  }
}
