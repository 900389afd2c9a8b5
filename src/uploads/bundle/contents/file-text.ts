// Reads the newest part of one collected file as a stream of bytes. Files in gzip or zstd are unpacked.
//
// Guarantees: memory is constant; bytes and time of unpacking have limits. A file that grows is read up to its size at
// the beginning and then to the end of the line, so that no value is cut. A file that shrinks ends early. If only a
// part is collected, some bytes before it are also read, so that the rules find a secret that begins there. The caller
// drops these bytes after redaction.

import { Readable } from 'node:stream';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import type { Clock } from '#system/clock.ts';
import type { OpenFile } from '#system/files.ts';
import { LeftOutError } from './left-out.ts';

const CHUNK_BYTES = 65_536;
/** Before the newest part: longer than any value that a rule masks. */
const LEAD_BYTES = 65_536;
/** After the size at the beginning: up to the end of the line that was being written. */
const MAX_TAIL_BYTES = 65_536;
const MAX_UNPACK_MS = 120_000;
/** zstd --long could otherwise ask for 2 GiB; logrotate's zstd needs at most 8 MiB. */
const ZSTD_WINDOW_LOG = 23;
const NEWLINE = 0x0a;
const GZIP = Buffer.from([0x1f, 0x8b, 0x08]);
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

/** The text of a file. */
export interface FileText {
  /** Each chunk is valid until the next one is requested. @throws LeftOutError, CodedError FILE-FAILED */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Redacted bytes to drop at the beginning, and the rest of their line. */
  readonly lead: number;
  /** Bytes of the file that are not read. */
  readonly skipped: number;
  readonly packed: 'gzip' | 'zstd' | null;
}

interface ReadOptions {
  /** Bytes that may be read. */
  readonly limit: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Looks at the first bytes only; they decide whether the file is packed, not its name. */
export function textOf(file: OpenFile, options: ReadOptions): FileText {
  const packed = packingOf(file);
  const { size } = file.facts();
  if (packed !== null) {
    return { chunks: unpack(file, { ...options, packed, size }), lead: 0, skipped: 0, packed };
  }
  const skipped = Math.max(0, size - options.limit);
  const lead = Math.min(LEAD_BYTES, skipped);
  return { chunks: plain(file, { from: skipped - lead, size, signal: options.signal }), lead, skipped, packed };
}

function packingOf(file: OpenFile): 'gzip' | 'zstd' | null {
  const head = Buffer.alloc(ZSTD.length);
  file.read(head, 0);
  if (head.subarray(0, GZIP.length).equals(GZIP)) return 'gzip';
  return head.equals(ZSTD) ? 'zstd' : null;
}

async function* plain(
  file: OpenFile,
  { from, size, signal }: { readonly from: number; readonly size: number; readonly signal: AbortSignal },
): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
  let last = NEWLINE;
  let at = from;
  while (at < size) {
    signal.throwIfAborted();
    const got = file.read(buffer.subarray(0, Math.min(CHUNK_BYTES, size - at)), at);
    if (got === 0) return;
    at += got;
    last = buffer[got - 1] ?? NEWLINE;
    yield buffer.subarray(0, got);
    await yieldToLoop();
  }
  if (last !== NEWLINE && file.facts().size > size) yield* restOfLine(file, size);
}

/** What another program has written of the last line since. */
async function* restOfLine(file: OpenFile, from: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.alloc(MAX_TAIL_BYTES);
  const rest = buffer.subarray(0, file.read(buffer, from));
  const end = rest.indexOf(NEWLINE);
  yield end === -1 ? rest : rest.subarray(0, end + 1);
  await yieldToLoop();
}

interface UnpackOptions extends ReadOptions {
  readonly packed: 'gzip' | 'zstd';
  readonly size: number;
}

async function* unpack(file: OpenFile, options: UnpackOptions): AsyncGenerator<Uint8Array> {
  const { packed, size, limit, clock, signal } = options;
  const { constants, createGunzip, createZstdDecompress } = await import('node:zlib');
  const stream =
    packed === 'gzip'
      ? createGunzip({ chunkSize: CHUNK_BYTES })
      : createZstdDecompress({
          chunkSize: CHUNK_BYTES,
          params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
        });
  const source = Readable.from(copiesOf(plain(file, { from: 0, size, signal })), { objectMode: false });
  source.once('error', (error) => stream.destroy(error));
  const until = clock.monotonic() + MAX_UNPACK_MS;
  let bytes = 0;
  try {
    for await (const chunk of source.pipe(stream) as AsyncIterable<Buffer>) {
      signal.throwIfAborted();
      bytes += chunk.length;
      if (bytes > limit) throw new LeftOutError(`unpacked it has more than the ${limit} bytes that are left`);
      if (clock.monotonic() > until) throw new LeftOutError('unpacking it takes too long');
      yield chunk;
    }
  } catch (thrown) {
    signal.throwIfAborted();
    const { code = '' } = thrown as NodeJS.ErrnoException;
    throw /^(?:Z_|ZSTD_|ERR_)/.test(code) ? new LeftOutError(`its ${packed} data is damaged (${code})`) : thrown;
  } finally {
    source.destroy();
    stream.destroy();
  }
}

/** A stream queues its input, so each chunk needs a buffer of its own. */
async function* copiesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}
