// Stores what is known about credentials and proxies in one small state file, mode 0600, which is replaced as a whole.
//
// Guarantees: holds no secret, only fingerprints under its own random key. The file has a maximum size; the least
// recently used record is dropped first. Saves run one at a time, and the last one contains everything. If the file
// cannot be read, it is set aside and reported, and each credential may then be tried once more. A crash leaves the old
// file or the new one.

import { createHmac, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { NewestMap } from '#system/newest.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { Turns } from '#system/turns.ts';
import { SCHEMES } from './schemes/scheme.ts';

const FORMAT = 1;
const KEY_BYTES = 32;
/** Maximum number of each kind; a configuration has at most 64 profiles. */
const MAX_RECORDS = 256;

/** Wall time in ms since the epoch; null if it never happened. */
const moment = momentSchema.nullable();

const credentialSchema = z.strictObject({
  fingerprint: z.string(),
  /** When a proxy accepted it last. */
  worked_at: moment,
  /** Start of the period of success that ended with `worked_at`. */
  worked_from: moment,
  /** Proxies that accepted it since its last rejection, as `http://host:port`. Missing in files of earlier versions. */
  worked_where: z.array(z.string()).default([]),
  /** The first rejection since it last worked. */
  rejected_at: moment,
  /** The last rejection; the wait for the next try starts here. */
  tried_at: moment,
  /** Set while an attempt is pending. If it is set at start, the result of that attempt is unknown. */
  trying_since: moment,
  /** Number of consecutive attempts without a known result. */
  interrupted: z.number(),
});
export type CredentialRecord = z.infer<typeof credentialSchema>;

const proxySchema = z.strictObject({
  proxy: z.string(),
  /** The challenges that the proxy sent last, verbatim. */
  offers: z.array(z.string()),
  /** The strongest scheme that worked there. */
  worked: z.enum(SCHEMES).nullable(),
});
export type ProxyRecord = z.infer<typeof proxySchema>;

const bindingSchema = z.strictObject({
  fingerprint: z.string(),
  /** Changes when the file of the secret is rewritten; null if the secret is stored elsewhere. */
  revision: z.string().nullable(),
  /** Proxies that it may be sent to, as `http://host:port`. */
  proxies: z.array(z.string()),
});
export type BindingRecord = z.infer<typeof bindingSchema>;

const unclearSchema = z.strictObject({
  /** Fingerprint of an account, its password, a proxy and an origin. */
  fingerprint: z.string(),
  /** When the refusal came. */
  since: z.number(),
});
type UnclearRecord = z.infer<typeof unclearSchema>;

const fileSchema = z.strictObject({
  key: z.string().min(1),
  credentials: z.array(credentialSchema),
  proxies: z.array(proxySchema),
  bindings: z.array(bindingSchema),
  doubts: z.array(unclearSchema).default([]),
});

/** The path of the state file. */
export interface CredentialStateFile {
  readonly files: Files;
  readonly path: string;
}

/** The records by their keys. Without a path they last as long as the process. */
export class CredentialState {
  readonly credentials = new NewestMap<string, CredentialRecord>(MAX_RECORDS);
  readonly proxies = new NewestMap<string, ProxyRecord>(MAX_RECORDS);
  readonly bindings = new NewestMap<string, BindingRecord>(MAX_RECORDS);
  readonly doubts = new NewestMap<string, UnclearRecord>(MAX_RECORDS);
  readonly #place: CredentialStateFile | null;
  #key: Buffer = randomBytes(KEY_BYTES);
  readonly #saves = new Turns();
  #changes = 0;
  #saved = 0;

  constructor(place: CredentialStateFile | null) {
    this.#place = place;
  }

  /** Loads the saved state. A file that cannot be read is set aside and named in the returned failure. */
  async load(): Promise<CodedError | null> {
    if (this.#place === null) return null;
    const { files, path } = this.#place;
    const loaded = await loadState(files, path, { format: FORMAT, parse: (raw) => fileSchema.parse(raw) });
    if (loaded.kind === 'set-aside') return loaded.error;
    if (loaded.kind === 'absent') return null;
    const { key, credentials, proxies, bindings, doubts } = loaded.value;
    this.#key = Buffer.from(key, 'base64');
    for (const record of credentials) this.credentials.set(record.fingerprint, record);
    for (const record of proxies) this.proxies.set(record.proxy, record);
    for (const record of bindings) this.bindings.set(record.fingerprint, record);
    for (const record of doubts) this.doubts.set(record.fingerprint, record);
    return null;
  }

  fingerprint(...parts: readonly string[]): string {
    return createHmac('sha256', this.#key).update(JSON.stringify(parts)).digest('base64');
  }

  /** Whether there are unsaved changes. */
  get isDirty(): boolean {
    return this.#place !== null && this.#saved < this.#changes;
  }

  /** Stores a record as the most recently used. */
  put<T>(records: Map<string, T>, key: string, record: T): void {
    records.set(key, record);
    this.#changes += 1;
  }

  /** Removes every record. */
  clear(records: Map<string, unknown>): void {
    if (records.size > 0) this.#changes += 1;
    records.clear();
  }

  /**
   * On return, everything that was stored before the call survives a power cut.
   * @throws CodedError DISK-FULL, FILE-*
   */
  async save(): Promise<void> {
    await this.#saves.run(() => this.#write());
  }

  async #write(): Promise<void> {
    if (this.#place === null || !this.isDirty) return;
    const { files, path } = this.#place;
    const upTo = this.#changes;
    const value = {
      key: this.#key.toString('base64'),
      credentials: [...this.credentials.values()],
      proxies: [...this.proxies.values()],
      bindings: [...this.bindings.values()],
      doubts: [...this.doubts.values()],
    };
    await saveState(files, path, { format: FORMAT, value });
    this.#saved = upTo;
  }
}
