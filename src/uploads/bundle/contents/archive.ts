// Writes and reads the two formats of an archive. Both are streamed, so only chunks are in memory.
//
// The same entries always give the same bytes: an archive has no owner, times in whole seconds, and the order of the
// entries.

import { packTar, readTar } from './archive-tar.ts';
import type { ArchiveEntry, PackedFile, StoredArchive } from './archive-types.ts';
import { packZip, readZip } from './archive-zip.ts';

/** One format. */
export interface ArchiveFormat {
  readonly extension: string;
  readonly contentType: string;
  /** The bytes of an archive. @throws what an entry throws */
  pack(entries: readonly ArchiveEntry[]): AsyncIterable<Uint8Array>;
  /** Reads an archive back. Each file must be read to its end before the next one is requested. */
  read(archive: StoredArchive): AsyncIterable<PackedFile>;
}

const FORMATS: Readonly<Record<'tar.zst' | 'zip', ArchiveFormat>> = {
  'tar.zst': { extension: 'tar.zst', contentType: 'application/zstd', pack: packTar, read: readTar },
  zip: { extension: 'zip', contentType: 'application/zip', pack: packZip, read: readZip },
};

export function archiveFormat(name: keyof typeof FORMATS): ArchiveFormat {
  return FORMATS[name];
}
