// `Files` on the real disk.
//
// Guarantees: those of `files.ts`, even if other users write to the folder. A name is opened without following a link
// and without waiting for the other end of a FIFO. The open file itself is checked with fstat, so it cannot be swapped
// in between. Modes are set with fchmod, regardless of the umask. Every error is coded and has the errno as a fact.
// Needs Linux: O_NOFOLLOW, O_NONBLOCK, fsync of a folder. After a crash of the process, everything that the kernel has
// accepted is kept.

import { type BigIntStats, constants, fstatSync, readSync, writeSync } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  realpath,
  rename,
  rmdir,
  stat,
  statfs,
  unlink,
} from 'node:fs/promises';
import { dirname } from 'node:path';
import { getSystemErrorMessage } from 'node:util';
import { CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import type { FileFacts, Files, OpenFile, Ownership } from './files.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants;
const SAFE_OPEN_FLAGS = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
/** The disk or our quota is full. */
const FULL: readonly string[] = ['ENOSPC', 'EDQUOT'];
/** Errors of a file system that cannot sync a folder (some network ones). Its renames cannot be made more durable. */
const NO_FOLDER_SYNC: readonly string[] = ['EINVAL', 'ENOTSUP', 'EOPNOTSUPP'];

/** The disk of this host for the user `self`: only files of that user are opened for writing. */
export class RealFiles implements Files {
  readonly self: number;

  constructor(self: number = process.geteuid?.() ?? 0) {
    this.self = self;
  }

  async create(path: string, mode: number): Promise<OpenFile> {
    let handle: FileHandle;
    try {
      handle = await open(path, O_RDWR | O_CREAT | O_EXCL | SAFE_OPEN_FLAGS, mode);
    } catch (thrown) {
      throw (await existingFileError(path)) ?? failure('create', path, thrown);
    }
    try {
      await handle.chmod(mode);
      return new RealFile(path, handle);
    } catch (thrown) {
      await closeQuietly(handle);
      await unlink(path).catch(() => undefined);
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
    await attempt('rename', from, () => rename(from, to));
  }

  async remove(path: string): Promise<boolean> {
    return await removed(path, () => unlink(path));
  }

  async removeFolder(path: string): Promise<boolean> {
    return await removed(path, () => rmdir(path));
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
      return factsOfStats(await lstat(path, { bigint: true }));
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

  async syncDirectory(path: string): Promise<void> {
    await onFolder('sync', path, async (handle) => {
      try {
        await handle.sync();
      } catch (thrown) {
        if (!NO_FOLDER_SYNC.includes(errnoOf(thrown))) throw thrown;
      }
    });
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
    let handle: FileHandle;
    try {
      handle = await open(path, access | SAFE_OPEN_FLAGS);
    } catch (thrown) {
      throw (await existingFileError(path)) ?? failure('open', path, thrown);
    }
    try {
      const refused = check(await handle.stat({ bigint: true }));
      if (refused !== null) throw refused;
      return new RealFile(path, handle);
    } catch (thrown) {
      await closeQuietly(handle);
      throw failure('open', path, thrown);
    }
  }
}

/** The instance that the program uses. */
export const realFiles: Files = new RealFiles();

class RealFile implements OpenFile {
  readonly path: string;
  readonly #handle: FileHandle;

  constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  write(chunk: Uint8Array, position: number): number {
    try {
      return writeSync(this.descriptor, chunk, 0, chunk.length, position);
    } catch (thrown) {
      throw failure('write', this.path, thrown);
    }
  }

  read(buffer: Uint8Array, position: number): number {
    try {
      return readSync(this.descriptor, buffer, 0, buffer.length, position);
    } catch (thrown) {
      throw failure('read', this.path, thrown);
    }
  }

  truncate(length: number): Promise<void> {
    return attempt('truncate', this.path, () => this.#handle.truncate(length));
  }

  sync(): Promise<void> {
    return attempt('sync', this.path, () => this.#handle.sync());
  }

  facts(): FileFacts {
    try {
      return factsOfStats(fstatSync(this.descriptor, { bigint: true }));
    } catch (thrown) {
      throw failure('examine', this.path, thrown);
    }
  }

  close(): Promise<void> {
    return attempt('close', this.path, () => this.#handle.close());
  }

  /** A closed handle has the descriptor -1, which the synchronous calls would reject as a type error. */
  get descriptor(): number {
    if (this.#handle.fd < 0) throw Object.assign(new Error('the file is closed'), { code: 'EBADF' });
    return this.#handle.fd;
  }
}

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

/** What `Files` reports of them. */
export function factsOfStats(stats: BigIntStats): FileFacts {
  return {
    kind: kindOf(stats),
    size: Number(stats.size),
    mode: Number(stats.mode & 0o7777n),
    modifiedMs: Number(stats.mtimeMs),
    device: String(stats.dev),
    inode: String(stats.ino),
    links: Number(stats.nlink),
    owner: Number(stats.uid),
    group: Number(stats.gid),
  };
}

function kindOf(stats: BigIntStats): FileFacts['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symbolic link';
  return stats.isSocket() ? 'socket' : 'special file';
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

async function removed(path: string, act: () => Promise<void>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (thrown) {
    if (errnoOf(thrown) === 'ENOENT') return false;
    throw failure('remove', path, thrown);
  }
}

async function attempt(operation: string, path: string, act: () => Promise<void>): Promise<void> {
  try {
    await act();
  } catch (thrown) {
    throw failure(operation, path, thrown);
  }
}

/** For a handle whose content no longer matters. */
async function closeQuietly(handle: FileHandle): Promise<void> {
  await handle.close().catch(() => undefined);
}

function failure(operation: string, path: string, thrown: unknown): CodedError {
  if (thrown instanceof CodedError) return thrown;
  const exhausted = exhaustion(thrown, `${operation} ${path}`);
  if (exhausted !== null) return exhausted;
  const errno = errnoOf(thrown);
  const facts = { operation, path, reason: reasonOf(thrown, errno), errno };
  return FULL.includes(errno) ? coded('DISK-FULL', facts, thrown) : coded('FILE-FAILED', facts, thrown);
}

/** `ENOENT: no such file or directory`, without the path, which the sentence already has. */
function reasonOf(thrown: unknown, errno: string): string {
  const number = (thrown as { errno?: unknown } | null)?.errno;
  if (typeof number === 'number') return `${errno}: ${getSystemErrorMessage(number) ?? 'unknown'}`;
  return thrown instanceof Error ? `${errno}: ${thrown.message}` : errno;
}

function errnoOf(thrown: unknown): string {
  const code = (thrown as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : 'EUNKNOWN';
}
