// Writes a bundle of updates: a tar archive with some packages, and with the feed or signed metadata that lists them.
//
// Guarantees: the bundle appears in one step, complete and synced, and replaces another file only on request. The same
// updates give the same bytes. If a package on disk has changed since it was published, the export fails. Everything is
// read and written with the rights of this process. A crash leaves at most `FILE.new`, which the next export replaces.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { dirname } from 'node:path';
import type { Pack } from 'tar-stream';
import type { BundleContent } from '#control/updates/medium.ts';
import { coded } from '#errors/coded-error.ts';
import { errorOf, isRefusal, UNFINISHED_SUFFIX } from '#system/durable.ts';
import { type Files, isSameFile, type OpenFile, writeAll } from '#system/files.ts';
import { publishNew } from '#system/folders/publish-new.ts';

const MODE = 0o644;
const CHUNK_BYTES = 65_536;
/** Bytes between two reports of the progress. */
const REPORT_BYTES = 1_048_576;

/** FAT, as on most USB sticks, has no modes. */
const REFUSED =
  'this user may not create a file there, or its file system has no modes. Write it elsewhere and copy it';

/** How a bundle is written. */
export interface BundleTarget {
  readonly path: string;
  readonly force: boolean;
  readonly signal: AbortSignal;
  progress(written: number, length: number): void;
}

/** A complete bundle. */
export interface WrittenBundle {
  readonly length: number;
  readonly sha256: string;
}

/** Checks the name before anything is requested. @throws CodedError FETCH-EXISTS, FETCH-TARGET, FILE-* */
export async function requireFree(files: Files, { path, force }: Pick<BundleTarget, 'path' | 'force'>): Promise<void> {
  const facts = await files.facts(path);
  if (facts === null) return;
  if (facts.kind !== 'file') throw coded('FETCH-TARGET', { path, reason: `it is a ${facts.kind}` });
  if (!force) throw coded('FETCH-EXISTS', { path, reason: 'it would be replaced' });
}

/** @throws CodedError EXPORT-UPDATE, FETCH-EXISTS, FETCH-TARGET, DISK-FULL, FILE-*; the reason of the signal */
export async function writeBundle(files: Files, content: BundleContent, target: BundleTarget): Promise<WrittenBundle> {
  const unfinished = target.path + UNFINISHED_SUFFIX;
  await files.remove(unfinished);
  const file = await files.create(unfinished, MODE).catch((thrown: unknown) => {
    throw isRefusal(thrown) ? coded('FETCH-TARGET', { path: target.path, reason: REFUSED }, thrown) : thrown;
  });
  try {
    const written = await fillFile(files, file, { content, target });
    await file.sync();
    await putInPlace(files, file, target);
    return written;
  } catch (thrown) {
    if (isSameFile(file.facts(), await files.facts(unfinished).catch(() => null)))
      await files.remove(unfinished).catch(() => undefined);
    throw thrown;
  } finally {
    await file.close();
  }
}

async function fillFile(
  files: Files,
  file: OpenFile,
  { content, target }: { readonly content: BundleContent; readonly target: BundleTarget },
): Promise<WrittenBundle> {
  const { pack } = await import('tar-stream');
  const tar = pack();
  // Its failure ends the loop below.
  const filled = fill(tar, entriesOf(files, content), target.signal).catch((thrown: unknown) =>
    tar.destroy(errorOf(thrown)),
  );
  const expected = content.packages.reduce((sum, { length }) => sum + length, 0);
  const hash = createHash('sha256');
  let end = 0;
  try {
    for await (const chunk of tar as AsyncIterable<Buffer>) {
      writeAll(file, chunk, end);
      hash.update(chunk);
      if (Math.floor(end / REPORT_BYTES) !== Math.floor((end + chunk.length) / REPORT_BYTES))
        target.progress(Math.min(end, expected), expected);
      end += chunk.length;
    }
  } finally {
    tar.destroy();
    await filled;
  }
  return { length: end, sha256: hash.digest('hex') };
}

async function putInPlace(files: Files, file: OpenFile, target: BundleTarget): Promise<void> {
  const { path, force } = target;
  const unfinished = path + UNFINISHED_SUFFIX;
  if (!isSameFile(file.facts(), await files.facts(unfinished))) throw coded('FILE-SWAPPED', { path: unfinished });
  if (force) {
    await requireFree(files, target);
    await files.rename(unfinished, path);
  } else {
    if (!(await publishNew(files, unfinished, path)))
      throw coded('FETCH-EXISTS', { path, reason: 'it was created meanwhile' });
    await files.remove(unfinished);
  }
  await files.syncDirectory(dirname(path));
}

interface Entry {
  readonly name: string;
  readonly size: number;
  chunks(): AsyncIterable<Uint8Array>;
}

/** The manifest first, then all other documents, then the packages, each sorted. */
function entriesOf(files: Files, { documents, packages }: BundleContent): readonly Entry[] {
  const [manifest = [], others = []] = [documents.slice(0, 1), documents.slice(1)];
  return [
    ...[...manifest, ...sorted(others)].map(documentEntry),
    ...sorted(packages).map((one) => packageEntry(files, one)),
  ];
}

function sorted<T extends { readonly name: string }>(all: readonly T[]): readonly T[] {
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

function documentEntry({ name, data, sha256 }: BundleContent['documents'][number]): Entry {
  const bytes = Buffer.from(data, 'base64');
  if (createHash('sha256').update(bytes).digest('hex') !== sha256)
    throw coded('INTERNAL', { reason: `${name} was changed on its way from the daemon` });
  return {
    name,
    size: bytes.length,
    async *chunks() {
      yield await Promise.resolve(bytes);
    },
  };
}

function packageEntry(files: Files, { id, name, path, length, sha256 }: BundleContent['packages'][number]): Entry {
  const changed = () => coded('EXPORT-UPDATE', { id, reason: `${path} is not the file that was published` });
  return {
    name,
    size: length,
    async *chunks() {
      const file = await files.openToRead(path);
      const hash = createHash('sha256');
      try {
        if (file.facts().size !== length) throw changed();
        for (let position = 0; position < length; ) {
          // The archive keeps the chunk until it is written.
          const chunk = Buffer.alloc(Math.min(CHUNK_BYTES, length - position));
          const got = file.read(chunk, position);
          if (got === 0) throw changed();
          hash.update(chunk.subarray(0, got));
          yield chunk.subarray(0, got);
          position += got;
        }
        if (hash.digest('hex') !== sha256) throw changed();
      } finally {
        await file.close();
      }
    },
  };
}

async function fill(tar: Pack, entries: readonly Entry[], signal: AbortSignal): Promise<void> {
  for (const { name, size, chunks } of entries) {
    const ended = Promise.withResolvers<void>();
    // A failure of the archive is also reported to the writes.
    ended.promise.catch(() => undefined);
    // Fixed values, so that the same updates give the same bytes.
    const fixed = { mtime: new Date(0), mode: MODE, uid: 0, gid: 0, type: 'file' } as const;
    const sink = tar.entry({ name, size, ...fixed }, (error) => {
      if (error) ended.reject(error);
      else ended.resolve();
    });
    // Its failure is that of the archive.
    sink.on('error', () => undefined);
    for await (const chunk of chunks()) {
      signal.throwIfAborted();
      if (!sink.write(chunk)) await Promise.race([once(sink, 'drain'), ended.promise]);
    }
    sink.end(null);
    await ended.promise;
  }
  tar.finalize();
}
