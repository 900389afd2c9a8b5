// Reads a log file of any size line by line, plain or gzipped, with little memory.
//
// Guarantees: reads regular files only and never waits for a FIFO. Symbolic links are followed, because the caller
// named the file. gzip is recognized by the first bytes, not by the name. A line longer than the limit is cut. A file
// is read up to the size that it had when reading began. A truncated gzip file is read up to the point where it was
// cut. An abort ends the reading at once.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { coded, exhaustion } from '#errors/coded-error.ts';

/** In bytes. Longer lines are cut; relevant log messages are far shorter. */
const LINE_LIMIT = 8_192;
const CHUNK_BYTES = 65_536;
/** Maximum unpacked size of a gzipped file; a larger one is an attack rather than a log. */
const UNPACKED_LIMIT_BYTES = 17_179_869_184;
const NEWLINE = 0x0a;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);

/** The result of reading a file. */
export interface TextRead {
  readonly lines: number;
  /** What is wrong with the file, in words; null when it was read to its end. */
  readonly problem: string | null;
}

/** Receives the lines. */
export interface LineReader {
  /** A line without its line end, its bytes decoded as Latin-1. */
  line(text: string): void;
  /** Whether to skip the line between these offsets; no string is created for it then. */
  skips?(bytes: Uint8Array, from: number, to: number): boolean;
}

/** Passes each line to the reader. @throws CodedError FILE-FAILED when the file cannot be opened */
export async function readTextLines(path: string, reader: LineReader, signal: AbortSignal): Promise<TextRead> {
  const handle = await openPlain(path);
  const lines = new LineCutter(reader);
  try {
    const { size } = await handle.stat();
    const problem = await readAll(await contentOf(handle, size), lines, signal);
    return { lines: lines.end(), problem };
  } finally {
    await handle.close().catch(() => undefined);
  }
}

async function openPlain(path: string): Promise<FileHandle> {
  try {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (thrown) {
    const reason = (thrown as { code?: string }).code ?? 'unknown';
    throw exhaustion(thrown, `open ${path}`) ?? coded('FILE-FAILED', { operation: 'open', path, reason }, thrown);
  }
  throw coded('FILE-FAILED', { operation: 'read', path, reason: 'it is not a regular file' });
}

/** The bytes of the file, unpacked. Each chunk is valid until the next one is requested. */
async function contentOf(handle: FileHandle, size: number): Promise<AsyncIterable<Buffer>> {
  const magic = Buffer.alloc(GZIP_MAGIC.length);
  await handle.read(magic, 0, magic.length, 0);
  const raw = chunksOf(handle, size);
  if (!magic.equals(GZIP_MAGIC)) return raw;
  const { constants: gzip, createGunzip } = await import('node:zlib');
  // With this flush a truncated gzip file yields everything that it contains.
  const unpacked = createGunzip({ finishFlush: gzip.Z_SYNC_FLUSH, chunkSize: CHUNK_BYTES });
  const packed = Readable.from(copiesOf(raw), { objectMode: false });
  packed.once('error', (error) => unpacked.destroy(error));
  return packed.pipe(unpacked);
}

/**
 * One buffer for the whole file: with one for each chunk, hundreds of megabytes would wait for the garbage collector.
 */
async function* chunksOf(handle: FileHandle, size: number): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let at = 0; at < size; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(CHUNK_BYTES, size - at), at);
    if (bytesRead === 0) return;
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** A stream queues its input, so each chunk needs a buffer of its own. */
async function* copiesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}

async function readAll(content: AsyncIterable<Buffer>, lines: LineCutter, signal: AbortSignal): Promise<string | null> {
  let bytes = 0;
  try {
    for await (const chunk of content) {
      signal.throwIfAborted();
      bytes += chunk.length;
      if (bytes > UNPACKED_LIMIT_BYTES) return 'it is too large; the rest was not read';
      lines.take(chunk);
    }
    return null;
  } catch (thrown) {
    signal.throwIfAborted();
    const { code = 'unknown' } = thrown as { code?: string };
    return `it is damaged (${code}); the rest was not read`;
  }
}

/**
 * Splits bytes into lines, however they are chunked. It creates a string per line and none per chunk, because those
 * are collected sooner.
 */
class LineCutter {
  readonly #reader: LineReader;
  #begun = '';
  #lines = 0;

  constructor(reader: LineReader) {
    this.#reader = reader;
  }

  take(bytes: Buffer): void {
    let from = 0;
    for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, from)) {
      if (this.#begun === '' && this.#reader.skips?.(bytes, from, at) === true) this.#lines += 1;
      else this.#give(this.#begun + bytes.toString('latin1', from, Math.min(at, from + this.#remaining)));
      this.#begun = '';
      from = at + 1;
    }
    this.#begun += bytes.toString('latin1', from, Math.min(bytes.length, from + this.#remaining));
  }

  /** Passes on the last line and returns the number of lines. */
  end(): number {
    if (this.#begun !== '') this.#give(this.#begun);
    this.#begun = '';
    return this.#lines;
  }

  get #remaining(): number {
    return LINE_LIMIT - this.#begun.length;
  }

  #give(line: string): void {
    this.#lines += 1;
    this.#reader.line(line.endsWith('\r') ? line.slice(0, -1) : line);
  }
}
