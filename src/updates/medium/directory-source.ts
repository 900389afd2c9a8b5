// A signed repository in a folder, such as a medium that was carried to a host without a network: `metadata/` and
// `targets/` below it, as a mirror or the vendor's tool writes them.
//
// Guarantees: no name from the metadata leads out of the folder. Nothing here decides what is trusted: the client
// verifies every file as if it came over the network. Relies on `Files`, which opens only regular files.

import { join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { readWhole } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import type { MetadataReply, MetadataRequest, TargetRequest, TufSource } from '#trust/tuf/source.ts';

export const MEDIUM_METADATA = 'metadata';
export const MEDIUM_TARGETS = 'targets';

export class DirectorySource implements TufSource {
  readonly #files: Files;
  readonly #dir: string;

  constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  async metadata({ name, limitBytes }: MetadataRequest): Promise<MetadataReply> {
    const path = metadataPath(this.#dir, name);
    if ((await this.#files.facts(path)) === null) return { kind: 'missing' };
    return { kind: 'found', bytes: await readWhole(this.#files, path, limitBytes) };
  }

  async target({ names, limitBytes }: TargetRequest): Promise<Uint8Array> {
    const path = await findTarget(this.#files, this.#dir, names);
    if (path !== null) return await readWhole(this.#files, path, limitBytes);
    throw missingTarget(names);
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

/** The first of these names that the folder has; null if it has none. */
export async function findTarget(files: Files, dir: string, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    const path = targetPath(dir, name);
    if ((await files.facts(path))?.kind === 'file') return path;
  }
  return null;
}

export function missingTarget(names: readonly string[]) {
  const file = names.at(-1) ?? '';
  return coded('TUF-MISSING', { file, role: 'targets', listedBy: 'targets', clause: '5.7.3' });
}
