// The port for everything durable: what the program can do to a disk, one small operation each.
//
// `real-files.ts` does it; `test/support/crashing-files.ts` is its twin, which loses what was not synced, runs full,
// writes short and dies at operation n. Nothing durable is written but through this port. Opening never follows a
// symbolic link and never hangs on a FIFO; what is opened to be written has one name and is ours (FILE-*).

/** What lstat says of a name. */
export interface FileFacts {
  readonly kind: 'file' | 'directory' | 'symbolic link' | 'socket' | 'special file';
  /** Bytes. */
  readonly size: number;
  /** Permission bits, such as 0o644. */
  readonly mode: number;
  /** Milliseconds since the epoch. */
  readonly modifiedMs: number;
  /** The disk that it is on; with the inode it names the file itself, whatever its name. */
  readonly device: string;
  readonly inode: string;
  readonly links: number;
  readonly owner: number;
  readonly group: number;
}

/** Which file it is, whatever its name. Another file can have the same inode only once this one is gone and closed. */
export type FileIdentity = Pick<FileFacts, 'device' | 'inode'>;

/** Whose a file is, and who may do what with it. */
export type Ownership = Pick<FileFacts, 'owner' | 'group' | 'mode'>;

/** An open regular file of ours. Reading and writing are synchronous: 64 KiB to the page cache beats a thread hop. */
export interface OpenFile {
  readonly path: string;
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
  /** The number of the user that we are. */
  readonly self: number;
  /** Makes a new file (O_CREAT | O_EXCL | O_NOFOLLOW), readable and writable; the mode is set, whatever the umask. */
  create(path: string, mode: number): Promise<OpenFile>;
  /** Opens an existing file to read and write it (O_NOFOLLOW | O_NONBLOCK); regular, one link, ours. */
  openToWrite(path: string): Promise<OpenFile>;
  /** Opens an existing file to read it (O_NOFOLLOW | O_NONBLOCK); regular. */
  openToRead(path: string): Promise<OpenFile>;
  /** Atomic, replaces the target; durable only after `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Unlinks a file or a link itself, never what it points at. True when there was one. */
  remove(path: string): Promise<boolean>;
  /**
   * Makes a folder and its parents; the mode is set on each that it makes, an existing one (or a link to one) stays as
   * it is. Durable on return: files in a folder whose own name is lost are lost with it.
   */
  makeDirectory(path: string, mode: number): Promise<void>;
  /** Names in a folder, sorted; empty when the folder does not exist. */
  list(path: string): Promise<string[]>;
  /** lstat: a link itself, never what it points at; null when there is nothing of that name. */
  facts(path: string): Promise<FileFacts | null>;
  /** Hands a file or folder to this owner and group (EPERM where we may not), then sets the mode; never through a link. */
  give(path: string, to: Ownership): Promise<void>;
  /** Where a path leads in the end, through every symbolic link; it must exist. */
  realPath(path: string): Promise<string>;
  /** fsync of a folder: on return the names made, renamed and removed in it survive a power cut. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes that may still be written on the disk of an existing folder or file; a quota may allow fewer. */
  freeSpace(path: string): Promise<number>;
}

/** Whether both are the same file. */
export function isSameFile(one: FileIdentity, other: FileIdentity | null): boolean {
  return other !== null && one.device === other.device && one.inode === other.inode;
}

/** Writes the whole chunk, over as many short writes as it takes. */
export function writeAll(file: OpenFile, chunk: Uint8Array, position: number): void {
  let written = 0;
  while (written < chunk.length) {
    written += file.write(written === 0 ? chunk : chunk.subarray(written), position + written);
  }
}
