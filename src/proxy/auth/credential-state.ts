// What is kept on disk of credentials and proxies: one small state file, replaced as a whole, 0600.
//
// Guarantees: holds no secret, only fingerprints under a random key of its own; bounded, what was touched least recently
// is forgotten first; saves are one at a time and the last one has everything. What cannot be read is set aside and
// named, and each credential may then be tried once more. A crash leaves the old file or the new one.

import { createHmac, randomBytes } from 'node:crypto';
import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { momentSchema } from '#system/moment.ts';
import { NewestMap } from '#system/newest.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { Turns } from '#system/turns.ts';
import { SCHEMES } from './schemes/scheme.ts';

const FORMAT = 1;
const KEY_BYTES = 32;
/** Of each kind; a configuration has at most 64 profiles. */
const MAX_RECORDS = 256;

/** Wall time, ms since the epoch; null when it never happened. */
const moment = momentSchema.nullable();

const credentialSchema = z.strictObject({
  fingerprint: z.string(),
  /** When a proxy took it last. */
  worked_at: moment,
  /** When it worked first, of the time that ended with `worked_at`. */
  worked_from: moment,
  /** Proxies that took it since it was refused last: `http://host:port`. Files of earlier versions have none. */
  worked_where: z.array(z.string()).default([]),
  /** When a proxy refused it first since it worked last. */
  rejected_at: moment,
  /** When it was refused last; a later try counts from here. */
  tried_at: moment,
  /** Set while an attempt is under way; found at start it means that nobody learnt how that one ended. */
  trying_since: moment,
  /** How many attempts in a row ended so. */
  interrupted: z.number(),
});
export type CredentialRecord = z.infer<typeof credentialSchema>;

const proxySchema = z.strictObject({
  proxy: z.string(),
  /** What it offered last, as it wrote it. */
  offers: z.array(z.string()),
  /** The strongest scheme that worked there. */
  worked: z.enum(SCHEMES).nullable(),
});
export type ProxyRecord = z.infer<typeof proxySchema>;

const bindingSchema = z.strictObject({
  fingerprint: z.string(),
  /** Changes when the file of the secret is written anew; null where it stands elsewhere. */
  revision: z.string().nullable(),
  /** Where it may be shown: `http://host:port`. */
  proxies: z.array(z.string()),
});
export type BindingRecord = z.infer<typeof bindingSchema>;

const doubtSchema = z.strictObject({
  /** Of an account, its password, a proxy and an origin. */
  fingerprint: z.string(),
  /** When it arose. */
  since: z.number(),
});
type DoubtRecord = z.infer<typeof doubtSchema>;

const fileSchema = z.strictObject({
  key: z.string().min(1),
  credentials: z.array(credentialSchema),
  proxies: z.array(proxySchema),
  bindings: z.array(bindingSchema),
  doubts: z.array(doubtSchema).default([]),
});

/** Where the file is. */
export interface CredentialStateFile {
  readonly files: Files;
  readonly path: string;
}

/** The records by their keys. Without a place they live as long as the process. */
export class CredentialState {
  readonly credentials = new NewestMap<string, CredentialRecord>(MAX_RECORDS);
  readonly proxies = new NewestMap<string, ProxyRecord>(MAX_RECORDS);
  readonly bindings = new NewestMap<string, BindingRecord>(MAX_RECORDS);
  readonly doubts = new NewestMap<string, DoubtRecord>(MAX_RECORDS);
  readonly #place: CredentialStateFile | null;
  #key: Buffer = randomBytes(KEY_BYTES);
  readonly #saves = new Turns();
  #changes = 0;
  #saved = 0;

  constructor(place: CredentialStateFile | null) {
    this.#place = place;
  }

  /** Loads what was kept; what can't be read is set aside and named. */
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

  /** Whether anything changed since it was last written down. */
  get isDirty(): boolean {
    return this.#place !== null && this.#saved < this.#changes;
  }

  /** Puts a record in, as the one touched last. */
  put<T>(records: Map<string, T>, key: string, record: T): void {
    records.set(key, record);
    this.#changes += 1;
  }

  /** Takes every record out. */
  clear(records: Map<string, unknown>): void {
    if (records.size > 0) this.#changes += 1;
    records.clear();
  }

  /** On return everything that was put in before the call survives a power cut. @throws CodedError DISK-FULL, FILE-* */
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
