// The log file: complete lines are appended. This process rotates the file by size and count.
//
// Guarantees: `write` never throws, and a line is never split over two files. A line that cannot be written waits in
// memory. This is reported once, and each later line tries again. A symbolic link, a FIFO or a file with more than one
// hard link is not written to. If another program moves or removes the file, it is created again for the next line, so
// `tail -F` shows each line once. Relies on one writer. A crash leaves at most one incomplete line, which the next
// start ends, or a gap in the numbers of rotated files, which the next rotation closes.

import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CodedError, coded, exhaustion } from '#errors/coded-error.ts';
import { fillTemplate } from '#errors/template.ts';
import type { Clock } from '#system/clock.ts';

export interface LogFileOptions {
  readonly path: string;
  /** A line that would make the file larger goes to a new one; null when another program rotates. */
  readonly rotateBytes: number | null;
  /** Number of old files that are kept; `sallyport.log.1` is the newest. */
  readonly rotateKeep: number;
  readonly clock: Clock;
  /** Shows a line to the user or service that started us, when the log file itself fails. */
  readonly complain: (line: string) => void;
  /** The log line that reports how many lines are missing. */
  readonly lostLine: (count: number) => string;
}

const FILE_MODE = 0o640;
const FOLDER_MODE = 0o750;
/** Maximum number of bytes that wait for the disk: a few thousand lines, a negligible amount of memory. */
const WAITING_LIMIT_BYTES = 1_048_576;
/** Delay until a failed rotation is tried again; meanwhile lines go to the old file. */
const ROTATE_AGAIN_MS = 60_000;
const NEWLINE = 0x0a;

interface Opened {
  readonly fd: number;
  readonly inode: bigint;
  readonly device: bigint;
}

/** A rotating file of lines. */
export class LogFile {
  readonly #options: LogFileOptions;
  #opened: Opened | null = null;
  /** Bytes in the file, as far as we know. */
  #size = 0;
  /** True when the file ends inside a line. */
  #torn = false;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #lost = 0;
  #complained = false;
  #rotateAtMs = 0;
  #closed = false;

  constructor(options: LogFileOptions) {
    this.#options = options;
    this.#attempt(() => this.#open());
  }

  /** Appends a line, which is given without its line end. */
  write(line: string): void {
    if (this.#closed) return;
    this.#queue(Buffer.from(`${line}\n`));
    this.#attempt(() => this.#drain());
  }

  /** Opens the file of that name again, and creates it if it was moved away. */
  reopen(): void {
    if (this.#closed) return;
    this.#shut();
    this.#attempt(() => this.#drain());
  }

  /**
   * Writes the lines that wait, and closes. Lines that still cannot be written are passed to `complain`, so that they
   * are not lost.
   */
  close(): void {
    if (this.#closed) return;
    this.#attempt(() => this.#drain());
    this.#closed = true;
    for (const line of this.#waiting) this.#options.complain(line.toString().trimEnd());
    this.#waiting = [];
    this.#shut();
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#shut();
      this.#complain(error, 'Lines are kept in memory until it can be written.');
    }
  }

  #complain(error: unknown, what: string): void {
    if (this.#complained) return;
    this.#complained = true;
    const { path } = this.#options;
    const reason =
      error instanceof CodedError
        ? error
        : (exhaustion(error, `write ${path}`) ??
          coded('FILE-FAILED', { operation: 'write', path, reason: reasonOf(error) }));
    this.#options.complain(
      `${fillTemplate('The log file {path} is in trouble: {reason:advised}', { path, reason })} ${what}`,
    );
  }

  #queue(line: Buffer): void {
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    while (this.#waitingBytes > WAITING_LIMIT_BYTES && this.#waiting.length > 1) {
      this.#waitingBytes -= this.#waiting.shift()?.length ?? 0;
      this.#lost += 1;
    }
  }

  #drain(): void {
    this.#look();
    if (this.#opened === null) this.#open();
    if (this.#lost > 0) {
      this.#append(Buffer.from(`${this.#options.lostLine(this.#lost)}\n`));
      this.#lost = 0;
    }
    for (let line = this.#waiting[0]; line !== undefined; line = this.#waiting[0]) {
      this.#append(line);
      this.#waiting.shift();
      this.#waitingBytes -= line.length;
    }
    if (this.#rotateAtMs === 0) this.#complained = false;
  }

  /**
   * Detects that the file was moved, removed or truncated. This runs before each line and takes a microsecond or two.
   */
  #look(): void {
    if (this.#opened === null) return;
    const there = lstatSync(this.#options.path, { bigint: true, throwIfNoEntry: false });
    if (there?.ino === this.#opened.inode && there.dev === this.#opened.device) this.#size = Number(there.size);
    else this.#shut();
  }

  #open(): void {
    const { path } = this.#options;
    mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
    const fd = openPlain(path);
    try {
      const facts = fstatSync(fd, { bigint: true });
      if (!facts.isFile()) throw coded('FILE-SPECIAL', { path, kind: 'special file' });
      if (facts.nlink > 1n) throw coded('FILE-LINKED', { path, links: Number(facts.nlink) });
      this.#size = Number(facts.size);
      this.#torn = endsInsideLine(fd, this.#size);
      this.#opened = { fd, inode: facts.ino, device: facts.dev };
    } catch (error) {
      closeSync(fd);
      throw error;
    }
  }

  #append(line: Buffer): void {
    const { rotateBytes } = this.#options;
    if (rotateBytes !== null && this.#size > 0 && this.#size + line.length > rotateBytes) this.#rotate(rotateBytes);
    if (this.#torn) {
      this.#writeWhole(Buffer.of(NEWLINE));
      this.#torn = false;
    }
    this.#writeWhole(line);
  }

  #writeWhole(bytes: Buffer): void {
    const opened = this.#opened;
    if (opened === null)
      throw coded('FILE-FAILED', { operation: 'write', path: this.#options.path, reason: 'not open' });
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(opened.fd, bytes, written);
    } catch (error) {
      // The disk filled up within the line. Remove the partial line, unless another process has written after it.
      if (written > 0 && fstatSync(opened.fd).size === this.#size + written) ftruncateSync(opened.fd, this.#size);
      throw error;
    }
    this.#size += bytes.length;
  }

  /**
   * Renames from the oldest file on, so each rename has a free target; only the file with the last number is
   * replaced.
   */
  #rotate(rotateBytes: number): void {
    const { path, rotateKeep, clock } = this.#options;
    if (clock.monotonic() < this.#rotateAtMs) return;
    try {
      shiftOldFiles(path, rotateKeep);
      this.#rotateAtMs = 0;
    } catch (error) {
      this.#rotateAtMs = clock.monotonic() + ROTATE_AGAIN_MS;
      this.#complain(error, `It grows beyond ${rotateBytes} bytes until it can be rotated.`);
      return;
    }
    this.#shut();
    this.#open();
  }

  #shut(): void {
    const opened = this.#opened;
    this.#opened = null;
    if (opened === null) return;
    try {
      closeSync(opened.fd);
    } catch {
      // The descriptor is closed either way, and nothing else can be done.
    }
  }
}

/** Creates or opens the file, never through a link and without waiting for the other end of a FIFO. */
function openPlain(path: string): number {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    const fd = openSync(path, flags | constants.O_CREAT | constants.O_EXCL, FILE_MODE);
    fchmodSync(fd, FILE_MODE);
    return fd;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  try {
    return openSync(path, flags);
  } catch (error) {
    throw codeOf(error) === 'ELOOP' ? coded('FILE-SYMLINK', { path }) : error;
  }
}

function endsInsideLine(fd: number, size: number): boolean {
  const last = Buffer.alloc(1);
  return size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== NEWLINE;
}

function shiftOldFiles(path: string, keep: number): void {
  for (let number = keep + 1; exists(`${path}.${number}`); number += 1) rmSync(`${path}.${number}`);
  if (keep < 1) {
    rmSync(path);
    return;
  }
  let free = 1;
  while (free < keep && exists(`${path}.${free}`)) free += 1;
  for (let number = free - 1; number >= 1; number -= 1) renameSync(`${path}.${number}`, `${path}.${number + 1}`);
  renameSync(path, `${path}.1`);
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

function codeOf(error: unknown): unknown {
  return (error as { code?: unknown } | null)?.code;
}

/** `EACCES: permission denied` of Node's `EACCES: permission denied, open '/x'`. */
function reasonOf(error: unknown): string {
  return error instanceof Error ? (error.message.split(', ')[0] ?? error.message) : String(error);
}
