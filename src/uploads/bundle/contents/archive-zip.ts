// Archives in ZIP format (APPNOTE.TXT 6.3, method deflate). fflate makes the container, and Node compresses in its own
// threads.
//
// fflate cannot write ZIP64, so an archive is limited to 4 GiB; `support_logs.max_bytes` allows half of that.

import { Readable } from 'node:stream';
import type { ZipInputFile } from 'fflate';
import type { ArchiveEntry, PackedFile, StoredArchive } from './archive-types.ts';

const CHUNK_BYTES = 65_536;
const DEFLATE = 8;
/** APPNOTE 4.3.7, 4.3.12 and 4.3.16. */
const LOCAL_HEADER_BYTES = 30;
const CENTRAL_HEADER_BYTES = 46;
const END_BYTES = 22;
/** A ZIP cannot express earlier times. */
const FIRST_MS = Date.UTC(1980, 0, 2);

type OnData = NonNullable<ZipInputFile['ondata']>;

/** The part of an archive that one file is. fflate fills `ondata`. */
class ZipFile implements ZipInputFile {
  readonly filename: string;
  readonly compression = DEFLATE;
  readonly mtime: number;
  size = 0;
  crc = 0;
  ondata: OnData = () => undefined;

  constructor({ name, modifiedMs }: ArchiveEntry) {
    this.filename = name;
    this.mtime = localAsUtc(Math.max(FIRST_MS, Math.floor(modifiedMs / 1_000) * 1_000));
  }
}

export async function* packZip(entries: readonly ArchiveEntry[]): AsyncGenerator<Uint8Array> {
  const { Zip } = await import('fflate');
  let waiting: Uint8Array[] = [];
  const take = () => {
    const chunks = waiting;
    waiting = [];
    return chunks;
  };
  const zip = new Zip((error, chunk) => {
    if (error !== null) throw error;
    waiting.push(chunk);
  });
  for (const entry of entries) {
    const file = new ZipFile(entry);
    zip.add(file);
    for await (const chunk of deflated(entry, file)) {
      file.ondata(null, chunk, false);
      yield* take();
    }
    file.ondata(null, new Uint8Array(0), true);
    yield* take();
  }
  zip.end();
  yield* take();
}

/** The compressed bytes; sets size and checksum, which come after the data. */
async function* deflated({ open }: ArchiveEntry, file: ZipFile): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { crc32, createDeflateRaw } = await import('node:zlib');
  const raw = async function* () {
    for await (const chunk of open()) {
      file.crc = crc32(chunk, file.crc);
      file.size += chunk.length;
      yield Buffer.from(chunk);
    }
  };
  const source = Readable.from(raw(), { objectMode: false });
  const stream = createDeflateRaw({ chunkSize: CHUNK_BYTES });
  source.once('error', (error) => stream.destroy(error));
  try {
    for await (const chunk of source.pipe(stream) as AsyncIterable<Buffer<ArrayBuffer>>) yield chunk;
  } finally {
    source.destroy();
    stream.destroy();
  }
}

/** fflate writes local time, which is different on every host: this moment reads in local time as the other does in UTC. */
function localAsUtc(ms: number): number {
  return ms + new Date(ms).getTimezoneOffset() * 60_000;
}

/** Reads by the directory at the end, as other programs do. */
export async function* readZip(archive: StoredArchive): AsyncGenerator<PackedFile> {
  const { createInflateRaw } = await import('node:zlib');
  const end = await bytesAt(archive, archive.length - END_BYTES, END_BYTES);
  let directory = await bytesAt(archive, end.readUInt32LE(16), end.readUInt32LE(12));
  while (directory.length >= CENTRAL_HEADER_BYTES) {
    const packedBytes = directory.readUInt32LE(20);
    const nameEnd = CENTRAL_HEADER_BYTES + directory.readUInt16LE(28);
    const name = directory.toString('utf8', CENTRAL_HEADER_BYTES, nameEnd);
    const offset = directory.readUInt32LE(42);
    const local = await bytesAt(archive, offset, LOCAL_HEADER_BYTES);
    const from = offset + LOCAL_HEADER_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28);
    const source = Readable.from(rangeOf(archive, from, packedBytes), { objectMode: false });
    const stream = createInflateRaw({ chunkSize: CHUNK_BYTES });
    source.once('error', (error) => stream.destroy(error));
    try {
      yield { name, chunks: source.pipe(stream) as AsyncIterable<Buffer> };
    } finally {
      source.destroy();
      stream.destroy();
    }
    directory = directory.subarray(nameEnd + directory.readUInt16LE(30) + directory.readUInt16LE(32));
  }
}

async function bytesAt(archive: StoredArchive, from: number, length: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of rangeOf(archive, from, length)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function* rangeOf({ open }: StoredArchive, from: number, length: number): AsyncGenerator<Buffer> {
  let left = length;
  for await (const chunk of open(from)) {
    if (left === 0) return;
    const part = Buffer.from(chunk.subarray(0, left));
    left -= part.length;
    yield part;
  }
}
