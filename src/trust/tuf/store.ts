// The verified metadata of one signed repository on disk, in a folder below the state folder.
//
// Guarantees: a file has exactly the received bytes. Every later root is kept as `root/N.root.json`; the files of other
// roles are replaced. No name from a document becomes a file name. A damaged file is renamed, never deleted, and
// downloaded again. The caller verifies everything that is read here. Relies on `durable.ts`. A crash leaves the old
// file or the new one, in any combination; the next start compares the versions of all files.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { readWhole, removeDurably, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { isAboutContent, type LoadedState, loadState, saveState } from '#system/state-file.ts';
import { TOP_LEVEL_ROLES } from './authority.ts';
import type { KnownVersions, RootRotation, TufLimits } from './types.ts';
import { versionsAsJson, versionsSchema } from './versions.ts';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;
const STATE_FORMAT = 1;

/** What is kept in addition to the metadata. */
export interface StoreState {
  readonly versions: KnownVersions;
  /** When the repository last said that there is no newer root. */
  readonly rootCheckedMs: number | null;
  readonly lastRotation: RootRotation | null;
  /** The latest time at which metadata was checked; null if unknown. */
  readonly latestMs: number | null;
}

const version = z.int().min(1);
const stateSchema = z.object({
  versions: versionsSchema,
  rootCheckedMs: momentSchema.nullable(),
  lastRotation: z.object({ from: version, to: version, atMs: momentSchema }).nullable(),
  latestMs: momentSchema.nullable(),
});
const reader = { format: STATE_FORMAT, parse: (raw: unknown): StoreState => stateSchema.parse(raw) };

export class TufStore {
  readonly #files: Files;
  readonly #dir: string;
  readonly #limits: TufLimits;

  constructor(files: Files, dir: string, limits: TufLimits) {
    this.#files = files;
    this.#dir = dir;
    this.#limits = limits;
  }

  /** Creates the folders. @throws CodedError FILE-*, DISK-FULL */
  async prepare(): Promise<void> {
    for (const dir of [this.#dir, join(this.#dir, 'root'), join(this.#dir, 'roles')]) {
      await this.#files.makeDirectory(dir, FOLDER_MODE);
    }
  }

  /** @throws CodedError STATE-UNREADABLE, TOO-MANY-FILES, OUT-OF-MEMORY */
  loadState(): Promise<LoadedState<StoreState>> {
    return loadState(this.#files, this.#statePath, reader);
  }

  /** @throws CodedError FILE-*, DISK-FULL */
  saveState({ versions, ...state }: StoreState): Promise<void> {
    const value = { ...state, versions: versionsAsJson(versions) };
    return saveState(this.#files, this.#statePath, { format: STATE_FORMAT, value });
  }

  /** The stored root of this version; null if there is none. @throws CodedError FILE-* */
  readRoot(rootVersion: number): Promise<Uint8Array | null> {
    return this.#read(this.#rootPath(rootVersion), this.#limits.rootBytes);
  }

  /** @throws CodedError FILE-*, DISK-FULL */
  saveRoot(rootVersion: number, bytes: Uint8Array): Promise<void> {
    return writeDurably(this.#files, this.#rootPath(rootVersion), bytes, FILE_MODE);
  }

  /** The stored file of any role except the root; null if there is none. @throws CodedError FILE-* */
  read(role: string): Promise<Uint8Array | null> {
    const { timestampBytes, snapshotBytes, targetsBytes } = this.#limits;
    const limits: Readonly<Record<string, number>> = { timestamp: timestampBytes, snapshot: snapshotBytes };
    return this.#read(this.#rolePath(role), Object.hasOwn(limits, role) ? (limits[role] ?? 0) : targetsBytes);
  }

  /** @throws CodedError FILE-*, DISK-FULL */
  save(role: string, bytes: Uint8Array): Promise<void> {
    return writeDurably(this.#files, this.#rolePath(role), bytes, FILE_MODE);
  }

  /** @throws CodedError FILE-* */
  async remove(role: string): Promise<void> {
    await removeDurably(this.#files, this.#rolePath(role));
  }

  /** Renames a damaged file, so that it is fetched again, and returns what to report. @throws CodedError FILE-* */
  setAside(role: string, reason: CodedError): Promise<{ file: string; error: CodedError }> {
    return this.#setAside(this.#rolePath(role), reason);
  }

  /** The same for a stored root. @throws CodedError FILE-* */
  setRootAside(rootVersion: number, reason: CodedError): Promise<{ file: string; error: CodedError }> {
    return this.#setAside(this.#rootPath(rootVersion), reason);
  }

  async #setAside(path: string, reason: CodedError): Promise<{ file: string; error: CodedError }> {
    const aside = `${path}.damaged`;
    await this.#files.rename(path, aside);
    const error = coded('STATE-DAMAGED', { path, reason: reason.safeText, aside }, reason);
    return { file: path, error };
  }

  async #read(path: string, limitBytes: number): Promise<Uint8Array | null> {
    try {
      if ((await this.#files.facts(path)) === null) return null;
      return await readWhole(this.#files, path, limitBytes);
    } catch (thrown) {
      const error = asCoded(thrown);
      if (!isAboutContent(error)) throw error;
      // A file that is not a regular one, too large, or lost by its disk: an empty document is set aside by the caller.
      return new Uint8Array();
    }
  }

  get #statePath(): string {
    return join(this.#dir, 'versions.json');
  }

  #rootPath(rootVersion: number): string {
    return join(this.#dir, 'root', `${rootVersion}.root.json`);
  }

  /** Names of delegated roles may be `..`, differ only in case, or be longer than a file name. */
  #rolePath(role: string): string {
    if ((TOP_LEVEL_ROLES as readonly string[]).includes(role)) return join(this.#dir, `${role}.json`);
    const readable = role
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 40);
    const digest = createHash('sha256').update(role).digest('hex').slice(0, 32);
    return join(this.#dir, 'roles', `${readable}-${digest}.json`);
  }
}
