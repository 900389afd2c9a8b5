// The uploads that are not complete yet: for each, a data file of `@tus/file-store` and a JSON file.
//
// Guarantees: the sum of their declared lengths never exceeds the quota, and uploads that are too old are removed. The
// library writes the data files. Requires that only one server uses the folder. After a crash, an upload may have
// fewer bytes than were confirmed; its sender requests the offset and continues there. Files without a counterpart are
// deleted at the next start.

import { join } from 'node:path';
import type { Upload } from '@tus/server';
import { isJob, isSha256 } from '#origin/uploads/upload-headers.ts';
import { readWhole, removeDurably, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import type { BundleFacts } from './bundle-facts.ts';

export interface UnfinishedUpload {
  readonly id: string;
  readonly facts: BundleFacts;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** What the library knows of it. */
  readonly upload: Upload;
}

interface Options {
  readonly files: Files;
  readonly dir: string;
  /** How long an upload may take, in milliseconds from its creation. */
  readonly keepMs: number;
}

const UPLOAD_ID = /^[0-9a-f]{32}$/;
const INFO_ENDING = '.json';
const MAX_INFO_BYTES = 64 * 1024;

export function isUploadId(name: string): boolean {
  return UPLOAD_ID.test(name);
}

export class UnfinishedUploads {
  readonly #options: Options;
  readonly #byId = new Map<string, UnfinishedUpload>();
  readonly #byJob = new Map<string, string>();

  private constructor(options: Options) {
    this.#options = options;
  }

  /** Reads the folder. @throws CodedError FILE-* */
  static async open(options: Options): Promise<UnfinishedUploads> {
    const uploads = new UnfinishedUploads(options);
    const names = await options.files.list(options.dir);
    for (const name of names.filter((one) => isUploadId(one.slice(0, -INFO_ENDING.length)))) {
      const upload = await uploads.#read(name);
      if (upload !== null) uploads.#remember(upload);
    }
    return uploads;
  }

  get dir(): string {
    return this.#options.dir;
  }

  /** Declared bytes of all of them. */
  get bytes(): number {
    return this.all.reduce((sum, { facts }) => sum + facts.length, 0);
  }

  get all(): readonly UnfinishedUpload[] {
    return [...this.#byId.values()];
  }

  get(id: string): UnfinishedUpload | undefined {
    return this.#byId.get(id);
  }

  /** The one of this agent's job. */
  ofJob(facts: Pick<BundleFacts, 'agent' | 'job'>): UnfinishedUpload | undefined {
    return this.#byId.get(this.#byJob.get(jobKey(facts)) ?? '');
  }

  /** Where its bytes are. */
  dataPath(id: string): string {
    return join(this.#options.dir, id);
  }

  /** Records a new one; durable on return. @throws CodedError DISK-FULL, FILE-* */
  async add(upload: UnfinishedUpload): Promise<void> {
    const info = Buffer.from(`${JSON.stringify(upload)}\n`);
    await writeDurably(this.#options.files, this.#infoPath(upload.id), info, 0o600);
    this.#remember(upload);
  }

  /** Deletes its files. @throws CodedError FILE-* */
  async remove(id: string): Promise<void> {
    const { files } = this.#options;
    await files.remove(this.dataPath(id));
    await removeDurably(files, this.#infoPath(id));
    this.forget(id);
  }

  /** Deletes its JSON file after its data file was moved. */
  async release(id: string): Promise<void> {
    await this.#options.files.remove(this.#infoPath(id));
    this.forget(id);
  }

  forget(id: string): void {
    const known = this.#byId.get(id);
    this.#byId.delete(id);
    if (known !== undefined && this.#byJob.get(jobKey(known.facts)) === id) this.#byJob.delete(jobKey(known.facts));
  }

  /** Those that are too old. */
  expired(now: number): readonly string[] {
    return this.all.filter((one) => now - one.createdAt > this.#options.keepMs).map(({ id }) => id);
  }

  /** Deletes files that belong to no upload: of a PUT that was cut, or of a creation or removal that crashed. */
  async sweep(): Promise<void> {
    const { files, dir } = this.#options;
    const names = new Set(await files.list(dir));
    for (const { id } of this.all) {
      if (!names.has(id)) await this.release(id);
    }
    for (const name of names) {
      const id = name.endsWith(INFO_ENDING) ? name.slice(0, -INFO_ENDING.length) : name;
      if (!this.#byId.has(id)) await files.remove(join(dir, name));
    }
  }

  #infoPath(id: string): string {
    return join(this.#options.dir, `${id}${INFO_ENDING}`);
  }

  #remember(upload: UnfinishedUpload): void {
    this.#byId.set(upload.id, upload);
    this.#byJob.set(jobKey(upload.facts), upload.id);
  }

  /** Null when the file is damaged: the upload is then lost, and its sender creates another one. */
  async #read(name: string): Promise<UnfinishedUpload | null> {
    const { files, dir } = this.#options;
    const bytes = await readWhole(files, join(dir, name), MAX_INFO_BYTES).catch(() => null);
    if (bytes === null) return null;
    try {
      const upload = JSON.parse(Buffer.from(bytes).toString('utf8')) as UnfinishedUpload;
      const isValid = `${upload.id}${INFO_ENDING}` === name && isJob(upload.facts.job) && isSha256(upload.facts.sha256);
      return isValid && Number.isFinite(upload.createdAt) ? upload : null;
    } catch {
      return null;
    }
  }
}

/** An id of a job is short, so two agents may have the same. */
export function jobKey({ agent, job }: Pick<BundleFacts, 'agent' | 'job'>): string {
  return `${job}\n${agent}`;
}
