// The one helper for durable writes (law 3): write, fsync, rename, fsync of the folder.
//
// Guarantees: under the final name stands the old content or the new one, whole, at every moment and after every crash;
// on return the new one survives a power cut. Relies on `Files`. A crash in the middle leaves at most `<path>.new`,
// which nobody reads and the next write of the same path removes.

import { dirname } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { type Files, writeAll } from './files.ts';

/** Ending of a file that is being written; never the name of anything finished. */
export const UNFINISHED_SUFFIX = '.new';

/** Replaces the file by these bytes. @throws CodedError DISK-FULL, FILE-*; then the old content stands. */
export async function writeDurably(files: Files, path: string, bytes: Uint8Array, mode: number): Promise<void> {
  const unfinished = path + UNFINISHED_SUFFIX;
  await files.remove(unfinished);
  try {
    await writeSynced(files, unfinished, { bytes, mode });
    await files.rename(unfinished, path);
  } catch (thrown) {
    // Gives the room back when the disk is full; what went wrong first is what the caller has to know.
    await files.remove(unfinished).catch(() => undefined);
    throw thrown;
  }
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
      const reason = `it has ${size} bytes, more than the ${limitBytes} that are read`;
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

async function writeSynced(files: Files, path: string, made: { bytes: Uint8Array; mode: number }): Promise<void> {
  const file = await files.create(path, made.mode);
  try {
    writeAll(file, made.bytes, 0);
    await file.sync();
  } finally {
    await file.close();
  }
}
