// A file to which whole records are appended, each of which is synced.
//
// Guarantees: when `append` returns, the record survives a power cut. If an append fails or is undone, its bytes are
// never read: the next append overwrites them. Requires one writer that runs one operation at a time. A crash can leave
// an incomplete last record; the owner removes it with `cut` when it opens the file.

import { dirname } from 'node:path';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { type Files, type OpenFile, writeAll } from '#system/files.ts';

const SLICE_BYTES = 1_048_576;
const NEWLINE = 0x0a;

export class AppendFile {
  readonly #file: OpenFile;
  #end: number;
  /** true while bytes may lie after the end. */
  #dirty = false;

  private constructor(file: OpenFile) {
    this.#file = file;
    this.#end = file.facts().size;
  }

  /** Opens or creates the file. @throws CodedError FILE-*, DISK-FULL */
  static async open(files: Files, path: string): Promise<AppendFile> {
    const exists = (await files.facts(path)) !== null;
    const file = exists ? await files.openToWrite(path) : await files.create(path, 0o600);
    try {
      // Always: an earlier process may have died between creating the file and syncing its name.
      await files.syncDirectory(dirname(path));
      return new AppendFile(file);
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  /** Bytes of all records. */
  get end(): number {
    return this.#end;
  }

  /** Adds a record and returns its position. @throws CodedError FILE-*, DISK-FULL; nothing was added */
  async append(record: Uint8Array): Promise<number> {
    const position = this.#end;
    await this.settle();
    this.#dirty = true;
    writeAll(this.#file, record, position);
    await this.#file.sync();
    this.#dirty = false;
    this.#end += record.length;
    return position;
  }

  /** Removes what a failed or undone record left. @throws CodedError FILE-* */
  async settle(): Promise<void> {
    if (this.#dirty) await this.cut(this.#end);
  }

  /** Removes everything from this position on. The bytes may stay on disk until `settle` or the next append. */
  undo(position: number): void {
    this.#end = position;
    this.#dirty = true;
  }

  /** Removes everything from this position on; durable on return. */
  async cut(position: number): Promise<void> {
    if (this.#file.facts().size !== position) await this.#file.truncate(position);
    // Also syncs bytes that a killed process wrote, on which the owner relies from now on.
    await this.#file.sync();
    this.#end = position;
    this.#dirty = false;
  }

  /** A part of the file. */
  read(position: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    let got = 0;
    while (got < length) {
      const read = this.#file.read(bytes.subarray(got), position + got);
      if (read === 0) throw new Error(`the file ends at ${position + got}`);
      got += read;
    }
    return bytes;
  }

  /** Calls back for each whole line, without its line end; returns the end of the last one. */
  async eachLine(callback: (line: Buffer, position: number) => void): Promise<number> {
    let rest: Buffer<ArrayBufferLike> = Buffer.alloc(0);
    for (let at = 0; at < this.#end; ) {
      const slice = this.read(at, Math.min(SLICE_BYTES, this.#end - at));
      const bytes = rest.length === 0 ? slice : Buffer.concat([rest, slice]);
      const start = at - rest.length;
      at += slice.length;
      let from = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
        callback(bytes.subarray(from, end), start + from);
        from = end + 1;
      }
      rest = bytes.subarray(from);
      await yieldToLoop();
    }
    return this.#end - rest.length;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
