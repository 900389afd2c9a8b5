// The interface to the disk, with small operations. All durable data is written through it.
//
// `real-files.ts` implements it. Tests use `test/support/crashing-files.ts`, which loses data that was not synced, can
// be full, makes short writes, and stops at operation n. Opening a file never follows a symbolic link and never hangs
// on a FIFO. A file that is opened for writing has only one hard link and belongs to this user (FILE-*).

/** What lstat reports for a name. */
export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'symbolic link' | 'socket' | 'special file';
  /** Bytes. */
  readonly size: number;
  /** Permission bits, such as 0o644. */
  readonly mode: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
  /** The device that it is on. With the inode it identifies the file, whatever its name. */
  readonly device: string;
  readonly inode: string;
  readonly links: number;
  readonly owner: number;
  readonly group: number;
}

/**
 * Identifies a file, whatever its name. Another file can get the same inode only after this one was removed and
 * closed.
 */
export type FileIdentity = Pick<FileFacts, 'device' | 'inode'>;

/** Owner, group and permissions of a file. */
export type Ownership = Pick<FileFacts, 'owner' | 'group' | 'mode'>;

/**
 * An open regular file of ours. Reads and writes are synchronous: 64 KiB to the page cache take less time than a
 * switch of threads.
 */
export interface OpenFile {
  readonly path: string;
  /** For a thread of this process that only reads. Null if the file is not on a real disk. */
  readonly descriptor: number | null;
  /** Writes at a position and returns the bytes written, which may be fewer than given (use `writeAll`). */
  write(chunk: Uint8Array, position: number): number;
  /** Reads into the buffer and returns the bytes read, 0 at the end. */
  read(buffer: Uint8Array, position: number): number;
  truncate(length: number): Promise<void>;
  /** fsync: on return the bytes and the length survive a power cut. */
  sync(): Promise<void>;
  facts(): FileFacts;
  /** Closing twice is harmless. */
  close(): Promise<void>;
}

/** Every durable operation. All errors are coded: FILE-* and DISK-FULL, with `errno` as a fact. */
export interface Files {
  /** The effective uid of this process. */
  readonly self: number;
  /**
   * Creates a file (O_CREAT | O_EXCL | O_NOFOLLOW) for reading and writing. The mode is set regardless of the umask.
   */
  create(path: string, mode: number): Promise<OpenFile>;
  /**
   * Opens an existing file for reading and writing (O_NOFOLLOW | O_NONBLOCK). It must be regular, ours, and have one
   * link.
   */
  openToWrite(path: string): Promise<OpenFile>;
  /** Opens an existing file for reading (O_NOFOLLOW | O_NONBLOCK). It must be regular. */
  openToRead(path: string): Promise<OpenFile>;
  /** Atomic, replaces the target; durable only after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Unlinks a file, or a link but not its target. True if it existed. */
  remove(path: string): Promise<boolean>;
  /** Removes an empty folder. True if it existed. */
  removeFolder(path: string): Promise<boolean>;
  /**
   * Creates a folder and its parents. The mode is set on each folder that it creates; an existing one (or a link to
   * one) stays as it is. Durable on return: files are lost with a folder whose own name is lost.
   */
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Names in a folder, sorted; empty when the folder does not exist. */
  list(path: string): Promise<string[]>;
  /** lstat: of a link itself, never of its target; null if the name does not exist. */
  facts(path: string): Promise<FileFacts | null>;
  /** Changes owner and group of a file or folder (EPERM without permission), then the mode; never follows a link. */
  give(path: string, to: Ownership): Promise<void>;
  /** The path with all symbolic links resolved; it must exist. */
  realPath(path: string): Promise<string>;
  /** fsync of a folder: on return, the names that were created, renamed and removed in it survive a power cut. */
  syncDirectory(path: string): Promise<void>;
  /** Free bytes on the disk of an existing folder or file; a quota may allow fewer. */
  freeSpace(path: string): Promise<number>;
}

/** Whether both are the same file. */
export function isSameFile(one: FileIdentity, other: FileIdentity | null): boolean {
  return other !== null && one.device === other.device && one.inode === other.inode;
}

/** Writes the whole chunk, with as many short writes as needed. */
export function writeAll(file: OpenFile, chunk: Uint8Array, position: number): void {
  let written = 0;
  while (written < chunk.length) {
    written += file.write(written === 0 ? chunk : chunk.subarray(written), position + written);
  }
}
