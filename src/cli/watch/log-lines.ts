// Reads the lines of an open log file, plain or gzipped, with little memory.
//
// Guarantees: a line is complete, or it is the last one of its file. A line that is longer than the limit is cut. gzip
// is recognized by its first bytes. From a damaged gzip file, the lines before the damage are read.

import { Readable } from 'node:stream';
import type { OpenFile } from '#system/files.ts';

/** In bytes. Lines of Sallyport are shorter. */
const LINE_LIMIT = 65_536;
const CHUNK_BYTES = 65_536;
const NEWLINE = 0x0a;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** Cuts bytes into lines, however they are chunked. */
class LineCutter {
  #begun: Buffer = Buffer.alloc(0);

  /** The lines that these bytes complete. */
  take(bytes: Uint8Array): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      lines.push(this.#joined(bytes.subarray(from, at)).toString('utf8'));
      this.#begun = Buffer.alloc(0);
      from = at + 1;
    }
    this.#begun = this.#joined(bytes.subarray(from));
    return lines;
  }

  /** The last line, if it has no line end. */
  end(): string[] {
    const last = this.#begun;
    this.#begun = Buffer.alloc(0);
    return last.length === 0 ? [] : [last.toString('utf8')];
  }

  #joined(bytes: Uint8Array): Buffer {
    return Buffer.concat([this.#begun, bytes.subarray(0, LINE_LIMIT - this.#begun.length)]);
  }
}

/** Reads a file that may grow: each call gives the lines that were added since the previous one. */
export class GrowingFile {
  readonly file: OpenFile;
  readonly #cutter = new LineCutter();
  readonly #buffer = Buffer.alloc(CHUNK_BYTES);
  #position = 0;

  constructor(file: OpenFile) {
    this.file = file;
  }

  /** Complete lines, in groups. A file that became shorter was emptied, and is read from its start. */
  *read(): Generator<string[]> {
    if (this.file.facts().size < this.#position) {
      yield this.#cutter.end();
      this.#position = 0;
    }
    for (;;) {
      const got = this.file.read(this.#buffer, this.#position);
      if (got === 0) return;
      this.#position += got;
      yield this.#cutter.take(this.#buffer.subarray(0, got));
    }
  }

  /** The line that has no end yet. */
  end(): string[] {
    return this.#cutter.end();
  }
}

/** All lines of a file that does not grow, in groups. */
export async function* wholeFile(file: OpenFile): AsyncGenerator<string[]> {
  if (!isGzip(file)) {
    const plain = new GrowingFile(file);
    yield* plain.read();
    yield plain.end();
    return;
  }
  const { constants, createGunzip } = await import('node:zlib');
  // With this flush a truncated file gives everything that it contains.
  const unpacked = createGunzip({ finishFlush: constants.Z_SYNC_FLUSH, chunkSize: CHUNK_BYTES });
  const packed = Readable.from(chunksOf(file), { objectMode: false });
  packed.once('error', (error) => unpacked.destroy(error));
  const cutter = new LineCutter();
  try {
    for await (const chunk of packed.pipe(unpacked) as AsyncIterable<Buffer>) yield cutter.take(chunk);
  } catch {
    // What comes after the damage cannot be read.
  }
  yield cutter.end();
}

function isGzip(file: OpenFile): boolean {
  const head = Buffer.alloc(GZIP_MAGIC.length);
  return file.read(head, 0) === head.length && head.equals(GZIP_MAGIC);
}

function* chunksOf(file: OpenFile): Generator<Buffer> {
  for (let at = 0; ; ) {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    const got = file.read(buffer, at);
    if (got === 0) return;
    at += got;
    yield buffer.subarray(0, got);
  }
}
