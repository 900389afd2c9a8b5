// The one helper for durable writes (principle 3): write, fsync, rename, fsync of the folder.
//
// Guarantees: under the final name stands the old content or the new one, whole, at every moment and after every crash;
// on return the new one survives a power cut. Relies on `Files`. A crash in the middle leaves at most `<path>.new`,
// which nobody reads and the next write of the same path removes.

import { dirname } from 'node:path';
import { CodedError, coded } from '#errors/coded-error.ts';
import { type Files, type Ownership, writeAll } from './files.ts';

/** Ending of a file that is being written; never the name of anything finished. */
export const UNFINISHED_SUFFIX = '.new';
/** Writing one takes moments; what stands there for longer was left by a crash. */
const LEFT_BEHIND_AFTER_MS = 60_000;

/** Replaces the file by these bytes. @throws CodedError DISK-FULL, FILE-*; then the old content stands. */
export async function writeDurably(files: Files, path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const unfinished = path + UNFINISHED_SUFFIX;
  await files.remove(unfinished);
  await commit(files, path, () => writeSynced(files, unfinished, { bytes, mode }));
}

/** How a file that others write, too, is replaced. */
export interface Replacement {
  readonly bytes: Uint8Array;
  /** Whose the new file is. */
  readonly to: Ownership;
  /** The last look before the rename; what it throws leaves the old file in place. */
  readonly lastCheck: () => Promise<void>;
  /** Wall time, ms since the epoch. */
  readonly now: number;
}

/**
 * Replaces a file that does not belong to us alone. Of two who do so at once, one fails (EEXIST) and changes nothing;
 * so does whoever comes within a minute after a crash. @throws CodedError DISK-FULL, FILE-*, and what `lastCheck` throws
 */
export async function replaceDurably(files: Files, path: string, made: Replacement): Promise<void> {
  const unfinished = path + UNFINISHED_SUFFIX;
  const facts = await files.facts(unfinished);
  if (facts !== null && made.now - facts.modifiedMs > LEFT_BEHIND_AFTER_MS) await files.remove(unfinished);
  await createSynced(files, unfinished, made);
  await commit(files, path, made.lastCheck);
}

/** Gives the unfinished file its final name once `prepare` is done; a failure before that removes it. */
async function commit(files: Files, path: string, prepare: () => Promise<void>): Promise<void> {
  const unfinished = path + UNFINISHED_SUFFIX;
  try {
    await prepare();
    await files.rename(unfinished, path);
  } catch (thrown) {
    // Frees its blocks when the disk is full; the caller has to know the first failure.
    await files.remove(unfinished).catch(() => undefined);
    throw thrown;
  }
  await files.syncDirectory(dirname(path));
}

/** Makes a file that is not there yet and gives it to its owner. On return it survives a power cut. */
export async function createDurably(
  files: Files,
  path: string,
  made: Pick<Replacement, 'bytes' | 'to'>,
): Promise<void> {
  await createSynced(files, path, made);
  await files.syncDirectory(dirname(path));
}

/** Gives a file, synced before, its final name: the rename is the commit. On return it survives a power cut. */
export async function publishFile(files: Files, from: string, to: string): Promise<void> {
  await files.rename(from, to);
  // The new name first: while only that is durable, the file has one name more, never one less.
  await files.syncDirectory(dirname(to));
  if (dirname(from) !== dirname(to)) await files.syncDirectory(dirname(from));
}

/** Removes a file so that it does not come back after a power cut. True when there was one. */
export async function removeDurably(files: Files, path: string): Promise<boolean> {
  if (!(await files.remove(path))) return false;
  await files.syncDirectory(dirname(path));
  return true;
}

/** The whole content of a file of at most so many bytes. @throws CodedError FILE-*; FILE-FAILED when it is longer. */
export async function readWhole(files: Files, path: string, limitBytes: number): Promise<Uint8Array> {
  const file = await files.openToRead(path);
  try {
    const { size } = file.facts();
    if (size > limitBytes) {
      const reason = `it has ${size} bytes; the limit is ${limitBytes}`;
      throw coded('FILE-FAILED', { operation: 'read', path, reason, errno: 'EFBIG' });
    }
    // One byte more than there should be: a file that grows while it is read is not taken for whole.
    const buffer = Buffer.alloc(size + 1);
    let length = 0;
    while (length < buffer.length) {
      const got = file.read(buffer.subarray(length), length);
      if (got === 0) break;
      length += got;
    }
    if (length !== size) {
      throw coded('FILE-FAILED', { operation: 'read', path, reason: 'it changed while it was read', errno: 'EBUSY' });
    }
    return buffer.subarray(0, size);
  } finally {
    await file.close();
  }
}

/** Nobody but us can read it until it belongs to whom it is for. What fails leaves no file behind. */
async function createSynced(files: Files, path: string, made: Pick<Replacement, 'bytes' | 'to'>): Promise<void> {
  const file = await files.create(path, 0o600);
  try {
    writeAll(file, made.bytes, 0);
    await give(files, path, made.to);
    await file.sync();
  } catch (thrown) {
    await files.remove(path).catch(() => undefined);
    throw thrown;
  } finally {
    await file.close();
  }
}

/** Where we may not give it to the owner, the group has to do: whoever read it by its group still can. */
async function give(files: Files, path: string, to: Ownership): Promise<void> {
  try {
    await files.give(path, to);
  } catch (thrown) {
    const ours = (await files.facts(path))?.owner ?? to.owner;
    if (!isRefusal(thrown) || ours === to.owner) throw thrown;
    await files.give(path, { ...to, owner: ours });
  }
}

/** Whether an operation failed because this user may not do it. */
export function isRefusal(thrown: unknown): boolean {
  return thrown instanceof CodedError && ['EPERM', 'EACCES'].includes(String(thrown.facts['errno']));
}

async function writeSynced(files: Files, path: string, made: { bytes: Uint8Array; mode: number }): Promise<void> {
  const file = await files.create(path, made.mode);
  try {
    writeAll(file, made.bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}
