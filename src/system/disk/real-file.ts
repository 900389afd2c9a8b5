// An open file of the real disk. Syncs and truncations run in other threads. The file is closed only after they have
// ended.

import { type BigIntStats, closeSync, fstatSync, fsync, ftruncate, readSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import type { FileFacts, OpenFile } from '#system/files.ts';
import { attempt, failure, promptly } from './operations.ts';

const syncFile = promisify(fsync);
const truncateFile = promisify(ftruncate);
/** The descriptor of a file that is closed. */
const CLOSED = -1;

export class RealFile implements OpenFile {
  readonly path: string;
  #number: number;
  /** Syncs and cuts that run in other threads; their descriptor must not be closed meanwhile. */
  readonly #running = new Set<Promise<void>>();

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#number = descriptor;
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
    return attempt('truncate', this.path, () => this.#run(() => truncateFile(this.descriptor, length)));
  }

  sync(): Promise<void> {
    return attempt('sync', this.path, () => this.#run(() => syncFile(this.descriptor)));
  }

  facts(): FileFacts {
    try {
      return factsOfStats(fstatSync(this.descriptor, { bigint: true }));
    } catch (thrown) {
      throw failure('examine', this.path, thrown);
    }
  }

  async close(): Promise<void> {
    const descriptor = this.#number;
    if (descriptor === CLOSED) return;
    this.#number = CLOSED;
    await Promise.allSettled(this.#running);
    await attempt('close', this.path, () => promptly(() => closeSync(descriptor)));
  }

  async #run(work: () => Promise<void>): Promise<void> {
    const running = work();
    this.#running.add(running);
    try {
      await running;
    } finally {
      this.#running.delete(running);
    }
  }

  get descriptor(): number {
    if (this.#number === CLOSED) throw Object.assign(new Error('the file is closed'), { code: 'EBADF' });
    return this.#number;
  }
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
