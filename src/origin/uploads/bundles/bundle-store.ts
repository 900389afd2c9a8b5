// Finished bundles: a folder for each job, with the bundle and a JSON record.
//
// Guarantees: a bundle with a record is complete, has the digest in the record, and survives a power cut. Its receipt
// never changes. A bundle is finished when its record is written. After a crash before that, the next start moves the
// bundle back to its unfinished upload, and the sender completes it again. A bundle sent by PUT stays until its sender
// repeats the PUT. Other files in the folder are not changed, so an admin may keep files there.

import { createHash, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { digestFile } from '#system/digest.ts';
import { publishFile, readWhole, writeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { Turns } from '#system/turns.ts';
import { type BundleFacts, isSameBundle } from './bundle-facts.ts';
import { type BundleRecord, readBundleRecord } from './bundle-record.ts';
import { jobKey, type UnfinishedUploads } from './unfinished-uploads.ts';

/** A bundle whose bytes have arrived. */
export interface ReceivedBundle {
  readonly facts: BundleFacts;
  readonly note: string | null;
  /** The file with its bytes, which is moved. */
  readonly path: string;
  /** The id of its upload. */
  readonly upload: string;
  readonly by: BundleRecord['by'];
  /** Milliseconds since the epoch. */
  readonly at: number;
}

export type StoredBundle =
  | { readonly kind: 'stored'; readonly record: BundleRecord }
  /** The bytes do not have the digest, or the job was finished with others. Nothing was stored. */
  | { readonly kind: 'digest' | 'other' };

const MAX_RECENT = 1_000;
const MAX_RECORD_BYTES = 64 * 1024;

export class BundleStore {
  readonly #files: Files;
  readonly #dir: string;
  readonly #byUpload = new Map<string, BundleRecord>();
  readonly #byJob = new Map<string, BundleRecord>();
  /** Who has the folder of a name. */
  readonly #folders = new Map<string, string>();
  readonly #turns = new Turns();
  #bytes = 0;

  private constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /** Reads the records. @throws CodedError FILE-*, and an error when a record is not ours */
  static async open(files: Files, dir: string): Promise<BundleStore> {
    const store = new BundleStore(files, dir);
    for (const folder of await files.list(dir)) {
      const path = join(dir, folder, `${folder.split('~', 1)[0]}.json`);
      if ((await files.facts(path)) === null) continue;
      const record = readBundleRecord(await readWhole(files, path, MAX_RECORD_BYTES));
      if (record === null) throw new Error(`${path} is not a record of a bundle`);
      store.#remember(record, folder);
    }
    return store;
  }

  /** The newest 1,000, oldest first. */
  get recent(): readonly BundleRecord[] {
    const all = [...this.#byUpload.values()];
    return all.toSorted((one, other) => (one.at < other.at ? -1 : Number(one.at > other.at))).slice(-MAX_RECENT);
  }

  /** How many there are, and their bytes. */
  get used(): { readonly count: number; readonly bytes: number } {
    return { count: this.#byUpload.size, bytes: this.#bytes };
  }

  ofUpload(id: string): BundleRecord | undefined {
    return this.#byUpload.get(id);
  }

  ofJob(facts: Pick<BundleFacts, 'agent' | 'job'>): BundleRecord | undefined {
    return this.#byJob.get(jobKey(facts));
  }

  /** Moves back the bundles that a crash left without a record. @throws CodedError FILE-* */
  async recover(unfinished: UnfinishedUploads): Promise<void> {
    for (const { id, facts } of unfinished.all) {
      if (this.ofJob(facts) !== undefined || (await this.#files.facts(unfinished.dataPath(id))) !== null) continue;
      const moved = this.#pathFor(facts);
      if ((await this.#files.facts(moved)) !== null) await publishFile(this.#files, moved, unfinished.dataPath(id));
    }
  }

  /** Syncs a received file, checks its digest and stores it. @throws CodedError DISK-FULL, FILE-*; the file stays */
  async commit(received: ReceivedBundle): Promise<StoredBundle> {
    const file = await this.#files.openToWrite(received.path);
    try {
      // The library does not sync what it writes.
      await file.sync();
      const sha256 = await digestFile(file, new AbortController().signal);
      if (sha256 !== received.facts.sha256 || file.facts().size !== received.facts.length) return { kind: 'digest' };
    } finally {
      await file.close();
    }
    return await this.#turns.run(() => this.#publish(received));
  }

  async #publish({ facts, note, path, upload, by, at }: ReceivedBundle): Promise<StoredBundle> {
    // Two requests may bring the same job at once, by tus and by PUT.
    const known = this.ofJob(facts);
    if (known !== undefined) return isSameBundle(known, facts) ? { kind: 'stored', record: known } : { kind: 'other' };
    const folder = this.#folderFor(facts);
    const record: BundleRecord = { ...facts, note, upload, at: utcTime(at), receipt: randomUUID(), by };
    const bytes = Buffer.from(`${JSON.stringify(record, null, 2)}\n`);
    const recordPath = join(this.#dir, folder, `${facts.job}.json`);
    await this.#files.makeDirectory(join(this.#dir, folder), 0o700);
    try {
      await publishFile(this.#files, path, this.#pathFor(facts));
      await writeDurably(this.#files, recordPath, bytes, 0o600);
    } catch (thrown) {
      // The record may be there already, and only its sync failed.
      await this.#files.remove(recordPath).catch(() => undefined);
      await publishFile(this.#files, this.#pathFor(facts), path).catch(() => undefined);
      throw thrown;
    }
    this.#remember(record, folder);
    return { kind: 'stored', record };
  }

  /** The folder of the job, unless another agent has a job with the same id. */
  #folderFor(facts: BundleFacts): string {
    const owner = this.#folders.get(facts.job);
    if (owner === undefined || owner === jobKey(facts)) return facts.job;
    // No job has a tilde.
    return `${facts.job}~${createHash('sha256').update(facts.agent).digest('hex').slice(0, 16)}`;
  }

  #pathFor(facts: BundleFacts): string {
    return join(this.#dir, this.#folderFor(facts), facts.filename);
  }

  #remember(record: BundleRecord, folder: string): void {
    this.#byUpload.set(record.upload, record);
    this.#byJob.set(jobKey(record), record);
    this.#folders.set(folder, jobKey(record));
    this.#bytes += record.length;
  }
}
