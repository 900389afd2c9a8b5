// Implements `Files` on the real disk.
//
// Guarantees: those of `files.ts`, even if other users write to the folder. A name is opened without following a link
// and without waiting for the other end of a FIFO. The open file is then checked with fstat, so it cannot be swapped.
// Modes are set with fchmod, regardless of the umask. Every error is coded and has the errno as a fact. Operations on
// names run in this thread (`promptly`); those that wait for the disk do not. Needs Linux: O_NOFOLLOW, O_NONBLOCK,
// fsync of a folder. After a crash of the process, everything that the kernel has accepted is kept.

import {
  type BigIntStats,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { type FileHandle, lstat, mkdir, open, readdir, realpath, rmdir, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { type CodedError, coded } from '#errors/coded-error.ts';
import { attempt, errnoOf, failure, promptly } from './disk/operations.ts';
import { factsOfStats, RealFile } from './disk/real-file.ts';
import type { FileFacts, Files, OpenFile, Ownership } from './files.ts';
import { SharedTurns } from './turns.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;
const SAFE_OPEN_FLAGS = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
/** Errors of a file system that cannot sync a folder (some network ones). Its renames cannot be made more durable. */
const NO_FOLDER_SYNC: readonly string[] = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'];
const syncFile = promisify(fsync);

/** The disk of this host for the user `self`: only files of that user are opened for writing. */
export class RealFiles implements Files {
  readonly self: number;
  readonly #folderSyncs = new Map<string, SharedTurns>();

  constructor(self: number = process.geteuid?.() ?? 0) {
    this.self = self;
  }

  async create(path: string, mode: number): Promise<OpenFile> {
    let descriptor: number;
    try {
      descriptor = await promptly(() => openSync(path, O_RDWR | O_CREAT | O_EXCL | SAFE_OPEN_FLAGS, mode));
    } catch (thrown) {
      throw (await existingFileError(path)) ?? failure('create', path, thrown);
    }
    try {
      fchmodSync(descriptor, mode);
      return new RealFile(path, descriptor);
    } catch (thrown) {
      closeSync(descriptor);
      await promptly(() => unlinkSync(path)).catch(() => undefined);
      throw failure('create', path, thrown);
    }
  }

  openToWrite(path: string): Promise<OpenFile> {
    return this.#open(path, O_RDWR, (stats) => checkRegular(path, stats) ?? checkOwner(path, stats, this.self));
  }

  openToRead(path: string): Promise<OpenFile> {
    return this.#open(path, O_RDONLY, (stats) => checkRegular(path, stats));
  }

  async rename(from: string, to: string): Promise<void> {
    await attempt('rename', from, () => promptly(() => renameSync(from, to)));
  }

  async remove(path: string): Promise<boolean> {
    return await removed(path, () =>
      promptly(() => {
        // An error object costs more than this look.
        if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
        unlinkSync(path);
        return true;
      }),
    );
  }

  async removeFolder(path: string): Promise<boolean> {
    return await removed(path, async () => {
      await rmdir(path);
      return true;
    });
  }

  async makeDirectory(path: string, mode: number): Promise<void> {
    if (await isFolder(path)) return;
    const parent = dirname(path);
    if (parent !== path) await this.makeDirectory(parent, mode);
    try {
      await mkdir(path, { mode });
      await onFolder('create the folder', path, (handle) => handle.chmod(mode));
    } catch (thrown) {
      // Another process may have created it meanwhile, which is as good.
      if (errnoOf(thrown) !== 'EEXIST' || !(await isFolder(path))) {
        throw (await existingFileError(path)) ?? failure('create the folder', path, thrown);
      }
    }
    await this.syncDirectory(parent);
  }

  async list(path: string): Promise<string[]> {
    try {
      return (await readdir(path)).sort();
    } catch (thrown) {
      if (errnoOf(thrown) === 'ENOENT') return [];
      throw failure('list', path, thrown);
    }
  }

  async facts(path: string): Promise<FileFacts | null> {
    try {
      const stats = await promptly(() => lstatSync(path, { bigint: true, throwIfNoEntry: false }));
      return stats === undefined ? null : factsOfStats(stats);
    } catch (thrown) {
      if (['ENOENT', 'ENOTDIR'].includes(errnoOf(thrown))) return null;
      throw failure('examine', path, thrown);
    }
  }

  async give(path: string, to: Ownership): Promise<void> {
    let handle: FileHandle;
    try {
      handle = await open(path, O_RDONLY | SAFE_OPEN_FLAGS);
    } catch (thrown) {
      const stats = await lstat(path).catch(() => null);
      throw stats?.isSymbolicLink() === true
        ? coded('FILE-SYMLINK', { path })
        : failure('change the owner of', path, thrown);
    }
    try {
      const { uid, gid } = await handle.stat();
      if (uid !== to.owner || gid !== to.group) await handle.chown(to.owner, to.group);
      await handle.chmod(to.mode);
    } catch (thrown) {
      throw failure('change the owner of', path, thrown);
    } finally {
      await closeQuietly(handle);
    }
  }

  async realPath(path: string): Promise<string> {
    try {
      return await realpath(path);
    } catch (thrown) {
      throw failure('examine', path, thrown);
    }
  }

  /** Calls that wait for a running sync of the same folder share the next one, which covers all of them. */
  async syncDirectory(path: string): Promise<void> {
    const turns = this.#folderSyncs.get(path) ?? new SharedTurns();
    this.#folderSyncs.set(path, turns);
    try {
      await turns.run(() => syncFolder(path));
    } finally {
      if (turns.isIdle) this.#folderSyncs.delete(path);
    }
  }

  async freeSpace(path: string): Promise<number> {
    try {
      // The space that all users may use, without the reserve of root.
      const { bavail, bsize } = await statfs(path, { bigint: true });
      return Number(bavail * bsize);
    } catch (thrown) {
      throw failure('examine', path, thrown);
    }
  }

  async #open(path: string, access: number, check: (stats: BigIntStats) => CodedError | null): Promise<OpenFile> {
    let descriptor: number;
    try {
      descriptor = await promptly(() => openSync(path, access | SAFE_OPEN_FLAGS));
    } catch (thrown) {
      throw (await existingFileError(path)) ?? failure('open', path, thrown);
    }
    try {
      const refused = check(fstatSync(descriptor, { bigint: true }));
      if (refused !== null) throw refused;
      return new RealFile(path, descriptor);
    } catch (thrown) {
      closeSync(descriptor);
      throw failure('open', path, thrown);
    }
  }
}

/** The instance that the program uses. */
export const realFiles: Files = new RealFiles();

function checkRegular(path: string, stats: BigIntStats): CodedError | null {
  return stats.isFile() ? null : coded('FILE-SPECIAL', { path, kind: specialKind(stats) });
}

function checkOwner(path: string, stats: BigIntStats, self: number): CodedError | null {
  if (stats.nlink !== 1n) return coded('FILE-LINKED', { path, links: Number(stats.nlink) });
  if (Number(stats.uid) !== self) return coded('FILE-FOREIGN', { path, owner: Number(stats.uid), self });
  return null;
}

/** Why a name could not be opened or created, when something other than a regular file has it. */
async function existingFileError(path: string): Promise<CodedError | null> {
  const stats = await lstat(path, { bigint: true }).catch(() => null);
  if (stats === null || stats.isFile()) return null;
  return stats.isSymbolicLink() ? coded('FILE-SYMLINK', { path }) : checkRegular(path, stats);
}

function specialKind(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'folder';
  if (stats.isFIFO()) return 'FIFO';
  return stats.isSocket() ? 'socket' : 'device';
}

/** Follows links, because the admin may have moved one of our folders elsewhere. */
async function isFolder(path: string): Promise<boolean> {
  const stats = await stat(path).catch(() => null);
  return stats?.isDirectory() ?? false;
}

async function onFolder(operation: string, path: string, use: (handle: FileHandle) => Promise<void>): Promise<void> {
  await attempt(operation, path, async () => {
    const handle = await open(path, O_RDONLY | O_DIRECTORY);
    try {
      await use(handle);
    } finally {
      await closeQuietly(handle);
    }
  });
}

async function syncFolder(path: string): Promise<void> {
  await attempt('sync', path, async () => {
    const descriptor = await promptly(() => openSync(path, O_RDONLY | O_DIRECTORY));
    try {
      await syncFile(descriptor);
    } catch (thrown) {
      if (!NO_FOLDER_SYNC.includes(errnoOf(thrown))) throw thrown;
    } finally {
      closeSync(descriptor);
    }
  });
}

async function removed(path: string, act: () => Promise<boolean>): Promise<boolean> {
  try {
    return await act();
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false;
    throw failure('remove', path, thrown);
  }
}

/** For a handle whose content no longer matters. */
async function closeQuietly(handle: FileHandle): Promise<void> {
  await handle.close().catch(() => undefined);
}
