// Reads a tar archive with a signed repository, or a bundle, in place. One pass finds where its files are, and each file is then read
// from there.
//
// Guarantees: nothing is unpacked, so an archive takes no space on this host, whatever its headers say. Only regular
// files below `metadata/`, `targets/` and `feed/`, and `bundle.json`, are found: at the top, or all in one folder of any
// name. The size of the archive, the number of its files and the length of their names have limits. Relies on
// `tar-stream` for the format, which limits extended headers to 4 MiB.

import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as yieldToLoop } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { coded } from '#errors/coded-error.ts';
import type { Files, OpenFile } from '#system/files.ts';
import {
  MEDIUM_MANIFEST,
  MEDIUM_METADATA,
  MEDIUM_TARGETS,
  MEDIUM_UNSIGNED,
  type MediumFile,
  type MediumFiles,
} from './medium-files.ts';

const SLICE_BYTES = 65_536;
/** Bytes that are read before the event loop runs again. */
const TURN_BYTES = 4 * 1_048_576;

/** Limits of an archive, whatever it contains. */
export interface ArchiveLimits {
  /** A sparse file can claim any size. */
  readonly bytes: number;
  /** More entries than any repository has. */
  readonly entries: number;
}

const LIMITS: ArchiveLimits = { bytes: 1_099_511_627_776, entries: 100_000 };
/** The longest path that Linux opens, in bytes. */
const MAX_PATH_LENGTH = 4_096;

const FOLDERS: readonly string[] = [MEDIUM_METADATA, MEDIUM_TARGETS, MEDIUM_UNSIGNED];
/** Every repository has the first file, and every bundle the second. The folder that they are in is its top. */
const AT_THE_TOP: readonly string[] = [`${MEDIUM_METADATA}/timestamp.json`, MEDIUM_MANIFEST];
/** What a .jar begins with, as every zip archive. */
const ZIP: Buffer = Buffer.from('504b0304', 'hex');

interface Place {
  readonly offset: number;
  readonly size: number;
}

export class ArchiveFiles implements MediumFiles {
  readonly #file: OpenFile;
  readonly #places: ReadonlyMap<string, Place>;

  private constructor(file: OpenFile, places: ReadonlyMap<string, Place>) {
    this.#file = file;
    this.#places = places;
  }

  /** Finds the files of an archive. @throws CodedError IMPORT-ARCHIVE, IMPORT-BARE, FILE-* */
  static async open(
    files: Files,
    archive: string,
    { signal, limits = LIMITS }: { readonly signal: AbortSignal; readonly limits?: ArchiveLimits },
  ): Promise<ArchiveFiles> {
    const file = await files.openToRead(archive);
    try {
      if (file.facts().size > limits.bytes) throw archiveError(archive, `it has more than ${limits.bytes} bytes`);
      const first = Buffer.alloc(ZIP.length);
      file.read(first, 0);
      if (first.equals(ZIP)) throw coded('IMPORT-BARE', { path: archive });
      return new ArchiveFiles(file, belowTop(archive, await findPlaces(file, limits, signal)));
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  /** Whether there is this file, or one below this folder. */
  has(name: string): boolean {
    return this.#places.keys().some((path) => path === name || path.startsWith(`${name}/`));
  }

  async open(path: string): Promise<MediumFile | null> {
    const place = this.#places.get(path);
    if (place === undefined) return null;
    const { offset, size } = place;
    return {
      size,
      url: `${pathToFileURL(this.#file.path).href}#${encodeURI(path)}`,
      read: (buffer, position) =>
        position >= size ? 0 : this.#file.read(buffer.subarray(0, size - position), offset + position),
      close: async () => undefined,
    };
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

async function findPlaces(file: OpenFile, limits: ArchiveLimits, signal: AbortSignal): Promise<Map<string, Place>> {
  const { extract } = await import('tar-stream');
  const tar = extract();
  const reading = pipeline(Readable.from(slicesOf(file), { objectMode: false }), tar, { signal });
  // Its failure also ends the loop below.
  reading.catch(() => undefined);
  const places = new Map<string, Place>();
  try {
    let count = 0;
    for await (const entry of tar) {
      count += 1;
      if (count > limits.entries)
        throw archiveError(file.path, `it has too many entries (the limit is ${limits.entries})`);
      const { name, type, size = 0, byteOffset: offset } = entry.header as typeof entry.header & Offset;
      const path = pathOf(name);
      if (type === 'file' && path !== null) places.set(path, { offset, size });
      entry.resume();
    }
    await reading;
    return places;
  } catch (thrown) {
    signal.throwIfAborted();
    if (thrown instanceof Error && 'entry' in thrown) throw thrown;
    throw archiveError(file.path, thrown instanceof Error ? thrown.message : 'it cannot be read', thrown);
  } finally {
    tar.destroy();
  }
}

/** Where the content of an entry begins. `tar-stream` 3 has it; its types do not. */
interface Offset {
  readonly byteOffset: number;
}

function archiveError(path: string, reason: string, cause?: unknown) {
  return coded('IMPORT-ARCHIVE', { path, reason }, cause);
}

/** The path of a file that may belong to a repository, which is at the top or in one folder; null for any other file. */
function pathOf(name: string): string | null {
  if (name.length > MAX_PATH_LENGTH || name.includes('\0')) return null;
  const parts = name.split('/').filter((part) => part !== '.' && part !== '');
  if (parts.includes('..')) return null;
  const isManifest = parts.length <= 2 && parts.at(-1) === MEDIUM_MANIFEST;
  const isBelow = parts.slice(0, Math.min(2, parts.length - 1)).some((part) => FOLDERS.includes(part));
  return isManifest || isBelow ? parts.join('/') : null;
}

/** The files by their paths in the repository. Its own folder may have the name of one of the folders in it. */
function belowTop(archive: string, places: ReadonlyMap<string, Place>): ReadonlyMap<string, Place> {
  const isTop = (folder: string) => AT_THE_TOP.some((name) => places.has(folder + name));
  if (isTop('')) return places;
  const tops = new Set([...places.keys()].map((path) => path.slice(0, path.indexOf('/') + 1)).filter(isTop));
  if (tops.size > 1) throw archiveError(archive, 'it has more than one repository');
  const [top = ''] = tops;
  const below = [...places].filter(([path]) => path.startsWith(top));
  return new Map(below.map(([path, place]) => [path.slice(top.length), place]));
}

async function* slicesOf(file: OpenFile): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const buffer = Buffer.alloc(SLICE_BYTES);
    const read = file.read(buffer, position);
    if (read === 0) return;
    position += read;
    yield buffer.subarray(0, read);
    if (position % TURN_BYTES < SLICE_BYTES) await yieldToLoop();
  }
}
