// The files on a medium that was carried to a host without a network: `metadata/` and `targets/` of a signed repository in
// a folder, as a mirror or the vendor's tool writes them, or in a tar archive (`archive-files.ts`). A bundle of `updates
// export` also has `bundle.json`, and `feed/` in place of both folders if its feed is not signed.
//
// Guarantees: no name from the metadata leads out of the folder. Relies on `Files`, which opens only regular files.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { coded } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';

export const MEDIUM_METADATA = 'metadata';
export const MEDIUM_TARGETS = 'targets';
/** Only in a bundle: an unsigned feed with its packages. */
export const MEDIUM_UNSIGNED = 'feed';
/** Only in a bundle: what `updates export` put into it. */
export const MEDIUM_MANIFEST = 'bundle.json';

/** An open file of a medium. */
export interface MediumFile {
  /** In bytes. The file may have changed since, so a reader must not rely on it. */
  readonly size: number;
  /** Where it is, for the log and the sidecar. */
  readonly url: string;
  /** Reads into the buffer and returns the bytes read, 0 at the end. */
  read(buffer: Uint8Array, position: number): number;
  close(): Promise<void>;
}

/** All files of a medium. */
export interface MediumFiles {
  /** A file by its path in the repository, such as `metadata/1.root.json`; null if there is none. @throws CodedError FILE-* */
  open(path: string): Promise<MediumFile | null>;
  close(): Promise<void>;
}

/** A medium that is a folder. */
export class FolderFiles implements MediumFiles {
  readonly #files: Files;
  readonly #dir: string;

  constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  async open(relative: string): Promise<MediumFile | null> {
    const path = join(this.#dir, relative);
    if ((await this.#files.facts(path))?.kind !== 'file') return null;
    const file = await this.#files.openToRead(path);
    return {
      size: file.facts().size,
      url: pathToFileURL(path).href,
      read: (buffer, position) => file.read(buffer, position),
      close: () => file.close(),
    };
  }

  async close(): Promise<void> {
    // Each file is closed by its reader.
  }
}

/**
 * Where a repository in a folder has a metadata file. A server decodes the name in a URL, so the file has the name itself;
 * only a name that would lead out of the folder is encoded.
 */
export function metadataPath(dir: string, name: string): string {
  const parts = name.split('/');
  const isUnsafe = name.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..');
  return join(dir, MEDIUM_METADATA, ...(isUnsafe ? [encodeURIComponent(name)] : parts));
}

/** Where a repository in a folder has a target. @throws CodedError TUF-TARGET-UNKNOWN for a path that leads out of it */
export function targetPath(dir: string, name: string): string {
  const parts = name.split('/');
  if (name.includes('\0') || parts.some((part) => part === '' || part === '.' || part === '..'))
    throw coded('TUF-TARGET-UNKNOWN', { path: name });
  return join(dir, MEDIUM_TARGETS, ...parts);
}

/**
 * Opens the first of these names of a target. `bundle` is the path of a medium that has only a part of its repository.
 * @throws CodedError TUF-MISSING if there is none, or IMPORT-INCOMPLETE; FILE-*
 */
export async function openTarget(
  medium: MediumFiles,
  names: readonly string[],
  bundle: string | null,
): Promise<MediumFile> {
  for (const name of names) {
    const file = await medium.open(targetPath('', name));
    if (file !== null) return file;
  }
  const file = names.at(-1) ?? '';
  if (bundle !== null) throw coded('IMPORT-INCOMPLETE', { path: bundle, file });
  throw coded('TUF-MISSING', { file, role: 'targets', listedBy: 'targets', clause: '5.7.3' });
}

/** Reads a whole file and closes it; null if it has more than `limitBytes`, or grows meanwhile. @throws CodedError FILE-* */
export async function readUpTo(file: MediumFile, limitBytes: number): Promise<Uint8Array | null> {
  try {
    if (file.size > limitBytes) return null;
    const buffer = Buffer.alloc(file.size + 1);
    let length = 0;
    for (let got = -1; got !== 0 && length < buffer.length; length += got) {
      got = file.read(buffer.subarray(length), length);
    }
    return length > file.size ? null : buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}
