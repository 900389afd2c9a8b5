// Archives in POSIX tar format, made with tar-stream and compressed in one zstd frame with a checksum.

import { once } from 'node:events';
import { pipeline, Readable } from 'node:stream';
import type { Pack } from 'tar-stream';
import { errorOf } from '#system/durable.ts';
import type { ArchiveEntry, PackedFile, StoredArchive } from './archive-types.ts';

/** zstd's own default. Higher levels take far more time for a few percent. */
const LEVEL = 3;
const CHUNK_BYTES = 65_536;
const FILE_MODE = 0o644;

export async function* packTar(entries: readonly ArchiveEntry[]): AsyncGenerator<Uint8Array> {
  const [{ pack }, { constants, createZstdCompress }] = await Promise.all([import('tar-stream'), import('node:zlib')]);
  const tar = pack();
  const zstd = createZstdCompress({
    chunkSize: CHUNK_BYTES,
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL, [constants.ZSTD_c_checksumFlag]: 1 },
  });
  // A failure of either ends the loop below with that failure.
  pipeline(tar, zstd, () => undefined);
  const filled = fill(tar, entries).catch((thrown: unknown) => {
    const error = errorOf(thrown);
    tar.destroy(error);
    zstd.destroy(error);
  });
  try {
    for await (const chunk of zstd as AsyncIterable<Buffer>) yield chunk;
  } finally {
    tar.destroy();
    zstd.destroy();
    await filled;
  }
}

async function fill(tar: Pack, entries: readonly ArchiveEntry[]): Promise<void> {
  for (const { name, size, modifiedMs, open } of entries) {
    const ended = Promise.withResolvers<void>();
    // A failure of the archive is also reported to the writes.
    ended.promise.catch(() => undefined);
    const mtime = new Date(Math.floor(modifiedMs / 1_000) * 1_000);
    const sink = tar.entry({ name, size, mtime, mode: FILE_MODE, uid: 0, gid: 0, type: 'file' }, (error) => {
      if (error) ended.reject(error);
      else ended.resolve();
    });
    // Its failure is that of the archive, which is reported.
    sink.on('error', () => undefined);
    for await (const chunk of open()) {
      // The stream keeps the chunk until it is compressed.
      if (!sink.write(Buffer.from(chunk))) await Promise.race([once(sink, 'drain'), ended.promise]);
    }
    sink.end(null);
    await ended.promise;
  }
  tar.finalize();
}

export async function* readTar({ open }: StoredArchive): AsyncGenerator<PackedFile> {
  const [{ extract }, { createZstdDecompress }] = await Promise.all([import('tar-stream'), import('node:zlib')]);
  const zstd = createZstdDecompress({ chunkSize: CHUNK_BYTES });
  const tar = extract();
  const source = Readable.from(copiesOf(open(0)), { objectMode: false });
  pipeline(source, zstd, tar, () => undefined);
  try {
    for await (const entry of tar) yield { name: entry.header.name, chunks: entry as AsyncIterable<Uint8Array> };
  } finally {
    source.destroy();
    zstd.destroy();
    tar.destroy();
  }
}

/** A stream queues its input, so each chunk needs a buffer of its own. */
async function* copiesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}
