// The work folder of one job: `files/NUMBER` for each redacted file, `manifest.json`, the archive, and `built.json`.
//
// Guarantees: `built.json` is written last. If it exists, everything else is complete and durable. A crash before that
// leaves parts that the next build deletes. Only this folder is written to, and only redacted content.

import { join } from 'node:path';
import { z } from 'zod';
import { coded } from '#errors/coded-error.ts';
import { attachmentBody, slices, stageAttachment } from '#spool/attachment.ts';
import type { Attachment } from '#spool/entry.ts';
import { publishFile, readWhole, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import type { StoredArchive } from './archive-types.ts';
import type { BuiltBundle } from './contents-types.ts';
import { MANIFEST_NAME, manifestSchema, renderManifest } from './manifest.ts';

const FILES = 'files';
const BUILT = 'built.json';
const BUILT_FORMAT = 1;
const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
/** 2,000 files and as many that are left out, each with a path of 4 KiB. */
const MAX_STATE_BYTES = 33_554_432;

const builtSchema = z.object({
  format: z.literal(BUILT_FORMAT),
  file_name: z.string(),
  content_type: z.string(),
  length: z.number(),
  sha256: z.string(),
  source_bytes: z.number(),
  /** For each file of the manifest the number of its copy. */
  indexes: z.array(z.number()),
});

type Built = z.infer<typeof builtSchema>;

/** The parts of a bundle while it is built, and afterwards. */
export class WorkFolder {
  readonly #files: Files;
  readonly #path: string;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Creates the folder, and deletes what an unfinished build left. */
  async start(): Promise<void> {
    await this.#files.makeDirectory(join(this.#path, FILES), FOLDER_MODE);
    await this.clear();
  }

  /** Deletes everything except the folders. Needs no space. */
  async clear(): Promise<void> {
    await this.#files.remove(join(this.#path, BUILT));
    for (const folder of [this.#path, join(this.#path, FILES)]) {
      for (const name of await this.#files.list(folder)) {
        if (name !== FILES) await this.#files.remove(join(folder, name));
      }
      await this.#files.syncDirectory(folder);
    }
  }

  freeSpace(): Promise<number> {
    return this.#files.freeSpace(this.#path);
  }

  /** Stores a redacted file. @throws CodedError DISK-FULL, FILE-*; what the text throws */
  store(index: number, text: AsyncIterable<Uint8Array>): Promise<Attachment> {
    return this.#stage(this.#copy(index), text);
  }

  /** Deletes a redacted file. */
  async drop(index: number): Promise<void> {
    await this.#files.remove(this.#copy(index));
  }

  /** Reads a redacted file. */
  open(index: number, length: number): AsyncIterable<Uint8Array> {
    return slices(() => this.#files.openToRead(this.#copy(index)), { from: 0, to: length });
  }

  /** Stores an archive. @throws CodedError DISK-FULL, FILE-*; what the bytes throw */
  storeArchive(name: string, bytes: AsyncIterable<Uint8Array>): Promise<Attachment> {
    return this.#stage(join(this.#path, name), bytes);
  }

  archive(name: string, stored: Attachment): StoredArchive {
    return attachmentBody(this.#files, join(this.#path, name), stored);
  }

  /** Gives an archive its final name. Durable on return. */
  async renameArchive(from: string, to: string): Promise<void> {
    await publishFile(this.#files, join(this.#path, from), join(this.#path, to));
  }

  async removeArchive(name: string): Promise<void> {
    await this.#files.remove(join(this.#path, name));
  }

  /** Records that the bundle is complete. Durable on return. */
  async finish(bundle: Omit<BuiltBundle, 'path'>, indexes: readonly number[]): Promise<BuiltBundle> {
    const { manifest, fileName, contentType, length, sha256, sourceBytes } = bundle;
    const built: Built = {
      format: BUILT_FORMAT,
      file_name: fileName,
      content_type: contentType,
      length,
      sha256,
      source_bytes: sourceBytes,
      indexes: [...indexes],
    };
    await writeDurably(this.#files, join(this.#path, MANIFEST_NAME), renderManifest(manifest), FILE_MODE);
    await writeDurably(this.#files, join(this.#path, BUILT), Buffer.from(`${JSON.stringify(built)}\n`), FILE_MODE);
    return { ...bundle, path: join(this.#path, fileName) };
  }

  /** The finished bundle; null if there is none, or it is damaged. @throws CodedError FILE-* */
  async finished(): Promise<{ bundle: BuiltBundle; indexes: readonly number[] } | null> {
    const built = await this.#read(BUILT, builtSchema);
    const manifest = await this.#read(MANIFEST_NAME, manifestSchema);
    if (built === null || manifest === null || built.indexes.length !== manifest.files.length) return null;
    const path = join(this.#path, built.file_name);
    const facts = await this.#files.facts(path);
    if (facts?.kind !== 'file' || facts.size !== built.length) return null;
    const { file_name: fileName, content_type: contentType, length, sha256, source_bytes: sourceBytes } = built;
    return { bundle: { path, length, sha256, fileName, contentType, sourceBytes, manifest }, indexes: built.indexes };
  }

  #copy(index: number): string {
    return join(this.#path, FILES, String(index + 1).padStart(4, '0'));
  }

  #stage(path: string, bytes: AsyncIterable<Uint8Array>): Promise<Attachment> {
    return stageAttachment(this.#files, path, { source: { open: () => bytes }, admit: () => undefined });
  }

  async #read<T>(name: string, schema: z.ZodType<T>): Promise<T | null> {
    const path = join(this.#path, name);
    if ((await this.#files.facts(path)) === null) return null;
    const bytes = await readWhole(this.#files, path, MAX_STATE_BYTES);
    try {
      return schema.parse(JSON.parse(Buffer.from(bytes).toString()));
    } catch {
      // Damaged; it is built again.
      return null;
    }
  }
}

/** A finished bundle as a person may look at it. */
export interface BuiltContents {
  readonly bundle: BuiltBundle;
  /** The exact bytes of `manifest.json`. */
  readonly manifestText: string;
  /**
   * A file of the manifest as it is in the archive, also if the archive is encrypted. Each chunk is valid until the next
   * one is requested. @throws CodedError BUNDLE-NO-FILE, FILE-*
   */
  open(name: string): AsyncIterable<Uint8Array>;
}

/** Opens the bundle of a work folder. @throws CodedError BUNDLE-NOT-BUILT, FILE-* */
export async function readBuilt(files: Files, work: string): Promise<BuiltContents> {
  const folder = new WorkFolder(files, work);
  const finished = await folder.finished();
  if (finished === null) throw coded('BUNDLE-NOT-BUILT', { path: work });
  const { bundle, indexes } = finished;
  return {
    bundle,
    manifestText: renderManifest(bundle.manifest).toString(),
    open: (name) => {
      const at = bundle.manifest.files.findIndex((file) => file.name === name);
      const index = indexes[at];
      const file = bundle.manifest.files[at];
      if (index === undefined || file === undefined) throw coded('BUNDLE-NO-FILE', { name });
      return folder.open(index, file.bytes);
    },
  };
}
