// What this host remembers about signed feeds in addition to the metadata: that it has accepted a signed feed, the
// highest versions, and a root that an admin has imported.
//
// All of it is stored in the state folder and again in the packages folder; if the two differ, the higher version is
// used. Versions therefore do not go back when the state is restored, or after a new installation with the same
// packages. A crash leaves the old file or the new one. After a crash during the replacement of a root, either the old
// root and its versions are still valid, or the next reader of the root completes the replacement.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import { readWhole, removeDurably, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { Turns } from '#system/turns.ts';
import { LicenseKeys } from './license-keys.ts';

const FORMAT = 1;
/** A root with the keys of a large vendor has about 20 KB. */
export const ROOT_LIMIT_BYTES = 524_288;

const replacementSchema = z.object({
  at: momentSchema,
  /** SHA-256 of the root that was trusted before; null if there was none. */
  from: z.string().nullable(),
  to: z.string(),
  /** Who asked for it, in words. */
  by: z.string(),
});
const memorySchema = z.object({
  /** This host has accepted a signed feed. */
  signed: z.boolean(),
  /** The last time that root replaced the trusted root without a signature of the previous one. */
  replaced: replacementSchema.nullable(),
  /** A replacement that was interrupted. It is done as soon as the stored root is the new one. */
  replacing: replacementSchema.nullable().default(null),
});
const besideSchema = z.object({ signed: z.boolean(), versions: z.unknown() });

type Memory = z.infer<typeof memorySchema>;
type Beside = z.infer<typeof besideSchema>;
export type RootReplacement = z.infer<typeof replacementSchema>;

const NOTHING: Memory = { signed: false, replaced: null, replacing: null };

/** The folders of a memory. */
export interface TrustFolders {
  readonly stateDir: string;
  readonly packagesDir: string;
}

export class TrustMemory {
  readonly #files: Files;
  readonly #folders: TrustFolders;
  /** A reader of the root must not take a replacement that is still running for an interrupted one. */
  readonly #turns = new Turns();
  /** The keys of `activation.license_keys_target`. */
  readonly licenseKeys: LicenseKeys;
  #memory = NOTHING;
  #beside: Beside | null = null;

  constructor(files: Files, folders: TrustFolders) {
    this.#files = files;
    this.#folders = folders;
    this.licenseKeys = new LicenseKeys(files, join(this.#trustDir, 'license-keys.json'));
  }

  /** Loads both places. Returns why a file was set aside. @throws CodedError STATE-UNREADABLE */
  async load(): Promise<readonly CodedError[]> {
    const memory = await loadState(this.#files, this.#memoryPath, {
      format: FORMAT,
      parse: (raw) => memorySchema.parse(raw),
    });
    if (memory.kind === 'loaded') this.#memory = memory.value;
    const beside = await loadState(this.#files, this.#besidePath, {
      format: FORMAT,
      parse: (raw) => besideSchema.parse(raw),
    });
    if (beside.kind === 'loaded') this.#beside = beside.value;
    const keys = await this.licenseKeys.load();
    const setAside = [memory, beside].flatMap((one) => (one.kind === 'set-aside' ? [one.error] : []));
    return keys === null ? setAside : [...setAside, keys];
  }

  /** Whether this host has ever accepted a signed feed, also before a new installation. */
  get isSigned(): boolean {
    return this.#memory.signed || this.#beside?.signed === true;
  }

  /** The versions that are kept next to the packages, as JSON; null without any. */
  get besidePackages(): unknown {
    return this.#beside?.versions ?? null;
  }

  get replaced(): RootReplacement | null {
    return this.#memory.replaced;
  }

  /** The folder of the metadata. Another `metadata_url` uses the same one, so it cannot go back either. */
  get metadataDir(): string {
    return join(this.#trustDir, 'updates');
  }

  /** The folder of the feeds that were read last. */
  get feedsDir(): string {
    return join(this.#trustDir, 'feeds');
  }

  get importedRootPath(): string {
    return join(this.#trustDir, 'imported-root.json');
  }

  /** A signed feed was accepted; `versions` are the highest so far, as JSON. @throws CodedError FILE-*, DISK-FULL */
  async accepted(versions: object): Promise<void> {
    if (!this.#memory.signed) await this.#saveMemory({ ...this.#memory, signed: true });
    await this.#saveBeside({ signed: true, versions });
  }

  /** Keeps the highest versions while no feed was accepted with them. @throws CodedError FILE-*, DISK-FULL */
  async keepVersions(versions: object): Promise<void> {
    await this.#saveBeside({ signed: this.#beside?.signed ?? false, versions });
  }

  async #saveBeside(beside: Beside): Promise<void> {
    if (JSON.stringify(beside) === JSON.stringify(this.#beside)) return;
    await saveState(this.#files, this.#besidePath, { format: FORMAT, value: beside });
    this.#beside = beside;
  }

  /**
   * The root that was imported; null without one. Call it before anything else is read: an interrupted replacement is
   * completed here.
   * @throws CodedError FILE-*, DISK-FULL
   */
  importedRoot(): Promise<Uint8Array | null> {
    return this.#turns.run(async () => {
      const isThere = (await this.#files.facts(this.importedRootPath)) !== null;
      const root = isThere ? await readWhole(this.#files, this.importedRootPath, ROOT_LIMIT_BYTES) : null;
      const { replacing } = this.#memory;
      if (replacing === null) return root;
      const isStored = root !== null && createHash('sha256').update(root).digest('hex') === replacing.to;
      if (isStored) await this.#finishReplacement(replacing);
      else await this.#saveMemory({ ...this.#memory, replacing: null });
      return root;
    });
  }

  /**
   * Keeps a root. With `replaced`, it takes the place of one that did not sign it, and metadata and versions of that one
   * are deleted: only after the new root is stored, because without them the old root would accept old metadata again.
   * @throws CodedError FILE-*, DISK-FULL
   */
  importRoot(root: Uint8Array, replaced: RootReplacement | null): Promise<void> {
    return this.#turns.run(async () => {
      await this.#files.makeDirectory(this.#trustDir, 0o700);
      if (replaced !== null) await this.#saveMemory({ ...this.#memory, replacing: replaced });
      await writeDurably(this.#files, this.importedRootPath, root, 0o600);
      if (replaced !== null) await this.#finishReplacement(replaced);
    });
  }

  async #finishReplacement(replaced: RootReplacement): Promise<void> {
    await this.#forget();
    await this.#saveMemory({ ...this.#memory, replaced, replacing: null });
  }

  /**
   * Deletes metadata, license keys, and the versions in both places. The root of trust stays, and that a signed feed was accepted: this
   * must not become a downgrade.
   * @throws CodedError FILE-*
   */
  forget(): Promise<void> {
    return this.#turns.run(() => this.#forget());
  }

  async #forget(): Promise<void> {
    if (this.#beside !== null) await this.#saveBeside({ signed: this.#beside.signed, versions: null });
    for (const dir of [this.#join('updates', 'roles'), this.#join('updates', 'root'), this.metadataDir, this.feedsDir])
      await this.#empty(dir);
    await this.licenseKeys.forget();
  }

  #join(...parts: string[]): string {
    return join(this.#trustDir, ...parts);
  }

  async #empty(dir: string): Promise<void> {
    for (const name of await this.#files.list(dir)) {
      const path = join(dir, name);
      if ((await this.#files.facts(path))?.kind === 'directory') await this.#files.removeFolder(path);
      else await removeDurably(this.#files, path);
    }
  }

  async #saveMemory(memory: Memory): Promise<void> {
    await this.#files.makeDirectory(this.#trustDir, 0o700);
    await saveState(this.#files, this.#memoryPath, { format: FORMAT, value: memory });
    this.#memory = memory;
  }

  get #trustDir(): string {
    return join(this.#folders.stateDir, 'trust');
  }

  get #memoryPath(): string {
    return join(this.#trustDir, 'memory.json');
  }

  /** Its name cannot be that of a package. */
  get #besidePath(): string {
    return join(this.#folders.packagesDir, '.trust.json');
  }
}
