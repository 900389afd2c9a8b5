// The files that the targets metadata lists, with their digests in their names: `targets/DIGEST.NAME` (TUF 5.7.3,
// consistent snapshots).
//
// Guarantees: a file with its final name has the digest in that name, because it is hashed while it is copied. Old
// versions stay, for agents that read an older metadata file meanwhile. A crash leaves at most `NAME.new`.

import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { coded } from '#errors/coded-error.ts';
import { publishFile, UNFINISHED_SUFFIX, writeDurably } from '#system/durable.ts';
import { writeAll } from '#system/files.ts';
import { type Envelope, hashOf, type TargetFacts, type TargetsDocument } from './documents.ts';
import { type RepositoryFolder, targetsDir } from './repository.ts';

const FILE_MODE = 0o644;
const FOLDER_MODE = 0o755;
const CHUNK_BYTES = 1024 * 1024;

/** The path of a target below `targets/`. */
function consistentName(path: string, sha256: string): string {
  const slash = path.lastIndexOf('/') + 1;
  return `${path.slice(0, slash)}${sha256}.${path.slice(slash)}`;
}

/** Writes a small target. */
export async function writeTarget(folder: RepositoryFolder, path: string, bytes: Uint8Array): Promise<TargetFacts> {
  const facts = { length: bytes.length, hashes: { sha256: hashOf(bytes) } };
  if (await isThere(folder, path, facts)) return facts;
  const to = join(targetsDir(folder), consistentName(path, facts.hashes.sha256));
  await folder.files.makeDirectory(dirname(to), FOLDER_MODE);
  await writeDurably(folder.files, to, bytes, FILE_MODE);
  return facts;
}

/** Copies a package. @throws CodedError FEED-BUILD if it no longer has these bytes, FILE-*, DISK-FULL */
export async function copyTarget(
  folder: RepositoryFolder,
  { from, path, facts }: { readonly from: string; readonly path: string; readonly facts: TargetFacts },
): Promise<void> {
  if (await isThere(folder, path, facts)) return;
  const { files } = folder;
  const to = join(targetsDir(folder), consistentName(path, facts.hashes.sha256));
  const unfinished = to + UNFINISHED_SUFFIX;
  await files.makeDirectory(dirname(to), FOLDER_MODE);
  await files.remove(unfinished);
  try {
    const found = await copyHashed(folder, from, unfinished);
    if (found.length !== facts.length || found.sha256 !== facts.hashes.sha256) {
      throw coded('FEED-BUILD', { file: from, reason: 'changed while it was read' });
    }
    await publishFile(files, unfinished, to);
  } catch (thrown) {
    await files.remove(unfinished).catch(() => undefined);
    throw thrown;
  }
}

/** The first file that these documents name and that is not there with its length; null if all are. */
export async function missingTargets(
  folder: RepositoryFolder,
  documents: readonly Envelope<TargetsDocument>[],
): Promise<string | null> {
  for (const { signed } of documents) {
    for (const [path, facts] of Object.entries(signed.targets)) {
      if (!(await isThere(folder, path, facts))) return consistentName(path, facts.hashes.sha256);
    }
  }
  return null;
}

async function isThere(folder: RepositoryFolder, path: string, facts: TargetFacts): Promise<boolean> {
  const found = await folder.files.facts(join(targetsDir(folder), consistentName(path, facts.hashes.sha256)));
  return found?.kind === 'file' && found.size === facts.length;
}

async function copyHashed(
  { files }: RepositoryFolder,
  from: string,
  to: string,
): Promise<{ readonly length: number; readonly sha256: string }> {
  const source = await files.openToRead(from);
  try {
    const copy = await files.create(to, FILE_MODE);
    try {
      const hash = createHash('sha256');
      const buffer = Buffer.alloc(CHUNK_BYTES);
      let length = 0;
      for (;;) {
        const got = source.read(buffer, length);
        if (got === 0) break;
        const chunk = buffer.subarray(0, got);
        hash.update(chunk);
        writeAll(copy, chunk, length);
        length += got;
      }
      await copy.sync();
      return { length, sha256: hash.digest('hex') };
    } finally {
      await copy.close();
    }
  } finally {
    await source.close();
  }
}
