// Unpacks a tar archive with a signed repository into a folder of ours.
//
// Guarantees: only regular files below `metadata/` and `targets/` are written, and no name leads out of the folder. A
// crash leaves a folder that the next import deletes first.

import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { coded } from '#errors/coded-error.ts';
import { type Files, type OpenFile, writeAll } from '#system/files.ts';
import { MEDIUM_METADATA, MEDIUM_TARGETS } from './directory-source.ts';

const SLICE_BYTES = 65_536;
/** More files than any repository has. */
const MAX_FILES = 100_000;

/** @throws CodedError IMPORT-ARCHIVE, DISK-FULL, FILE-* */
export async function unpackTar(
  files: Files,
  { archive, dir }: { readonly archive: string; readonly dir: string },
  signal: AbortSignal,
): Promise<void> {
  const { extract } = await import('tar-stream');
  const opened = await files.openToRead(archive);
  const tar = extract();
  const reading = pipeline(Readable.from(slicesOf(opened), { objectMode: false }), tar, { signal });
  // Its failure also ends the loop below.
  reading.catch(() => undefined);
  try {
    let count = 0;
    for await (const entry of tar) {
      const place = placeOf(entry.header.name);
      if (entry.header.type !== 'file' || place === null) {
        entry.resume();
        continue;
      }
      count += 1;
      if (count > MAX_FILES) throw coded('IMPORT-ARCHIVE', { path: archive, reason: 'it has too many files' });
      await writeEntry(files, join(dir, ...place), entry as AsyncIterable<Uint8Array>);
    }
    await reading;
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof Error && 'entry' in thrown) throw thrown;
    const reason = thrown instanceof Error ? thrown.message : 'it cannot be read';
    throw coded('IMPORT-ARCHIVE', { path: archive, reason }, thrown);
  } finally {
    tar.destroy();
    await opened.close();
  }
}

/** The parts of a path from `metadata` or `targets` on, which may be below one folder; null for any other file. */
function placeOf(name: string): readonly string[] | null {
  const parts = name.split('/').filter((part) => part !== '.' && part !== '');
  if (name.includes('\0') || parts.includes('..')) return null;
  const at = parts.findIndex((part) => part === MEDIUM_METADATA || part === MEDIUM_TARGETS);
  return at < 0 || at > 1 || parts.length < at + 2 ? null : parts.slice(at);
}

async function writeEntry(files: Files, path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  await files.makeDirectory(dirname(path), 0o700);
  await files.remove(path);
  const file = await files.create(path, 0o600);
  try {
    let position = 0;
    for await (const chunk of chunks) {
      writeAll(file, chunk, position);
      position += chunk.length;
    }
  } finally {
    await file.close();
  }
}

function* slicesOf(file: OpenFile): Generator<Buffer> {
  let position = 0;
  for (;;) {
    const buffer = Buffer.alloc(SLICE_BYTES);
    const read = file.read(buffer, position);
    if (read === 0) return;
    position += read;
    yield buffer.subarray(0, read);
  }
}
