// Durable writes of whole files (principle 3): write the content, fsync it, rename the file, and fsync the folder.
// `writeUnsynced` does not fsync; its caller does so later.
//
// Guarantees: at every moment and after every crash, the final name has the complete old content or the complete new
// one. On return, the new content survives a power cut. Relies on `Files`. A crash leaves at most `<path>.new`, which
// is never read and which the next write of the same path removes.

import { dirname } from 'node:path';
import { CodedError, coded } from '#errors/coded-error.ts';
import { type Files, type OpenFile, type Ownership, writeAll } from './files.ts';

/** Suffix of a file that is being written. A finished file never has it. */
export const UNFINISHED_SUFFIX = '.new';
/** Writing takes far less time; an older unfinished file was left by a crash. */
const LEFT_BEHIND_AFTER_MS = 60_000;

/** Replaces the content of the file. @throws CodedError DISK-FULL, FILE-*; the old content then remains */
export async function writeDurably(files: Files, path: string, bytes: Uint8Array, mode: number): Promise<void> {
  await replaceContent(files, { path, bytes, mode }, writeSynced);
  await files.syncDirectory(dirname(path));
}

/** The new content of a file. */
export interface Content {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly mode: number;
}

/**
 * Replaces the content of several files, which share the syncs of their folders. Returns the failure of each one, or null. A file
 * with a failure has its old content, or the new one if the sync of its folder failed.
 */
export async function writeTogether(files: Files, contents: readonly Content[]): Promise<(Error | null)[]> {
  const failures = await Promise.all(
    contents.map((content) => failureOf(() => replaceContent(files, content, writeSynced))),
  );
  const unsynced = new Map<string, Error>();
  for (const folder of new Set(contents.filter((_, at) => failures[at] === null).map(({ path }) => dirname(path)))) {
    const failure = await failureOf(() => files.syncDirectory(folder));
    if (failure !== null) unsynced.set(folder, failure);
  }
  return failures.map((failure, at) => failure ?? unsynced.get(dirname(contents[at]?.path ?? '')) ?? null);
}

/**
 * Replaces the content of the file in one step, without a sync: a killed process leaves the old content or the new one, but a
 * power cut may leave any content until the file and its folder are synced.
 */
export async function writeUnsynced(files: Files, content: Content): Promise<void> {
  await replaceContent(files, content, writeNew);
}

async function replaceContent(files: Files, content: Content, write: typeof writeSynced): Promise<void> {
  const unfinished = content.path + UNFINISHED_SUFFIX;
  await files.remove(unfinished);
  await putInPlace(files, content.path, () => write(files, { ...content, path: unfinished }));
}

/** What the work throws; null if it throws nothing. */
export async function failureOf(work: () => Promise<unknown>): Promise<Error | null> {
  try {
    await work();
    return null;
  } catch (thrown) {
    return errorOf(thrown);
  }
}

/** What was thrown, as an error. */
export function errorOf(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** How to replace a file that other programs also write. */
export interface Replacement {
  readonly bytes: Uint8Array;
  /** Owner, group and mode of the new file. */
  readonly to: Ownership;
  /** The last check before the rename. If it throws, the old file stays in place. */
  readonly lastCheck: () => Promise<void>;
  /** Wall time, ms since the epoch. */
  readonly now: number;
}

/**
 * Replaces a file that other programs also write. If two calls run at the same time, one fails (EEXIST) and changes
 * nothing; so does a call within a minute after a crash. @throws CodedError DISK-FULL, FILE-*, and what `lastCheck`
 * throws
 */
export async function replaceDurably(files: Files, path: string, made: Replacement): Promise<void> {
  const unfinished = path + UNFINISHED_SUFFIX;
  const facts = await files.facts(unfinished);
  if (facts !== null && made.now - facts.modifiedMs > LEFT_BEHIND_AFTER_MS) await files.remove(unfinished);
  await createSynced(files, unfinished, made);
  await putInPlace(files, path, made.lastCheck);
  await files.syncDirectory(dirname(path));
}

/** Renames the unfinished file to its final name after `prepare`. If either fails, the unfinished file is removed. */
async function putInPlace(files: Files, path: string, prepare: () => Promise<void>): Promise<void> {
  const unfinished = path + UNFINISHED_SUFFIX;
  try {
    await prepare();
    await files.rename(unfinished, path);
  } catch (thrown) {
    // Frees its blocks when the disk is full. The caller needs the first failure, not one of this removal.
    await files.remove(unfinished).catch(() => undefined);
    throw thrown;
  }
}

/** Creates a file that does not exist yet and gives it to its owner. On return it survives a power cut. */
export async function createDurably(
  files: Files,
  path: string,
  made: Pick<Replacement, 'bytes' | 'to'>,
): Promise<void> {
  await createSynced(files, path, made);
  await files.syncDirectory(dirname(path));
}

/** Renames a synced file to its final name; the rename is the commit. On return it survives a power cut. */
export async function publishFile(files: Files, from: string, to: string): Promise<void> {
  await files.rename(from, to);
  // The new name is synced first: if only that is durable, the file has both names instead of none.
  await files.syncDirectory(dirname(to));
  if (dirname(from) !== dirname(to)) await files.syncDirectory(dirname(from));
}

/** Removes a file so that it does not reappear after a power cut. True if it existed. */
export async function removeDurably(files: Files, path: string): Promise<boolean> {
  if (!(await files.remove(path))) return false;
  await files.syncDirectory(dirname(path));
  return true;
}

/**
 * The whole content of a file of at most `limitBytes`.
 * @throws CodedError FILE-*; FILE-FAILED when the file is larger, or changes while it is read
 */
export async function readWhole(files: Files, path: string, limitBytes: number): Promise<Uint8Array> {
  const file = await files.openToRead(path);
  try {
    const { size } = file.facts();
    if (size > limitBytes) {
      const reason = `it has ${size} bytes; the limit is ${limitBytes}`;
      throw coded('FILE-FAILED', { operation: 'read', path, reason, errno: 'EFBIG' });
    }
    // One byte more than expected, so that growth during the read is noticed.
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

/** Other users cannot read the file until it has its owner. A failure leaves no file. */
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

/** If we may not change the owner, at least the group is set, so that users who read it through the group still can. */
async function give(files: Files, path: string, to: Ownership): Promise<void> {
  try {
    await files.give(path, to);
  } catch (thrown) {
    const ours = (await files.facts(path))?.owner ?? to.owner;
    if (!isRefusal(thrown) || ours === to.owner) throw thrown;
    await files.give(path, { ...to, owner: ours });
  }
}

/** Whether an operation failed because this user lacks permission. */
export function isRefusal(thrown: unknown): boolean {
  return thrown instanceof CodedError && ['EPERM', 'EACCES'].includes(String(thrown.facts['errno']));
}

async function writeNew(
  files: Files,
  { path, bytes, mode }: Content,
  finish: (file: OpenFile) => Promise<void> = async () => {},
): Promise<void> {
  const file = await files.create(path, mode);
  try {
    writeAll(file, bytes, 0);
    await finish(file);
  } finally {
    await file.close();
  }
}

function writeSynced(files: Files, content: Content): Promise<void> {
  return writeNew(files, content, (file) => file.sync());
}
