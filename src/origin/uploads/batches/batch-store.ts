// The documents that agents have sent: `documents.ndjson` has the documents, `batches.jsonl` has one line per batch.
//
// Guarantees: a batch is stored completely or not at all, and survives a power cut when `accept` returns. No two
// stored documents have the same id. A repeated batch gets the same receipt, even after a restart. Requires that only
// one server uses the folder. A crash can leave documents without a line in `batches.jsonl`, which the next start
// removes. Their sender got no receipt and sends them again.

import { join } from 'node:path';
import type { StoreLimits } from '#origin/uploads/upload-options.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { NewestMap } from '#system/newest.ts';
import { Turns } from '#system/turns.ts';
import { AppendFile } from './append-file.ts';
import type { BatchHead } from './batch-head.ts';
import {
  type BatchReceipt,
  type BatchRecord,
  type RejectedDocument,
  readBatchRecord,
  receiptOf,
} from './batch-record.ts';
import type { DocumentLine } from './documents.ts';

/** Returns why a document is not accepted, or null. */
type RejectDocument = (document: unknown, id: string) => string | null;

export type AcceptedBatch =
  | { readonly kind: 'stored' | 'again'; readonly receipt: BatchReceipt }
  /** The id of the batch was used for other bytes. */
  | { readonly kind: 'other' }
  | { readonly kind: 'full'; readonly what: string };

interface Options {
  readonly files: Files;
  readonly dir: string;
  readonly limits: StoreLimits;
  readonly reject: RejectDocument;
}

/** How many batches the record in memory has. */
const MAX_RECENT = 1_000;
const MAX_REASON_LENGTH = 200;
/** How every document of an agent begins. Others are parsed. */
const ID_AT = '{"id":"'.length;
const ID_FIRST = /^\{"id":"([A-Za-z0-9._:-]{1,128})",/;

/** The file names, for a person who reads the documents. */
export const DOCUMENTS_FILE = 'documents.ndjson';
const BATCHES_FILE = 'batches.jsonl';

export class BatchStore {
  readonly #options: Options;
  readonly #documents: AppendFile;
  readonly #batches: AppendFile;
  readonly #ids = new Set<string>();
  /** Where the line of each batch is. */
  readonly #byBatch = new Map<string, { readonly position: number; readonly length: number }>();
  readonly #recent = new NewestMap<string, BatchRecord>(MAX_RECENT);
  readonly #turns = new Turns();

  private constructor(options: Options, documents: AppendFile, batches: AppendFile) {
    this.#options = options;
    this.#documents = documents;
    this.#batches = batches;
  }

  /** Opens or creates the files in a folder. @throws CodedError FILE-*, and an error when a file is not ours */
  static async open(options: Options): Promise<BatchStore> {
    const documents = await AppendFile.open(options.files, join(options.dir, DOCUMENTS_FILE));
    let batches: AppendFile | null = null;
    try {
      batches = await AppendFile.open(options.files, join(options.dir, BATCHES_FILE));
      const store = new BatchStore(options, documents, batches);
      await store.#recover();
      return store;
    } catch (thrown) {
      await documents.close();
      await batches?.close();
      throw thrown;
    }
  }

  /** The newest batches, oldest first. */
  get recent(): readonly BatchRecord[] {
    return [...this.#recent.values()];
  }

  /** Documents stored. */
  get size(): number {
    return this.#ids.size;
  }

  /** Durable when it returns a receipt. @throws CodedError DISK-FULL, FILE-*; nothing was stored */
  accept(head: BatchHead, documents: readonly DocumentLine[], at: number): Promise<AcceptedBatch> {
    return this.#turns.run(async () => {
      const known = this.#find(head.batch);
      if (known !== null) {
        return known.sha256 === head.sha256 ? { kind: 'again', receipt: receiptOf(known) } : { kind: 'other' };
      }
      const { added, rejected } = this.#divide(documents);
      const full = this.#whatIsFull(added);
      return full === null ? await this.#add(head, { added, rejected, all: documents.length, at }) : full;
    });
  }

  async close(): Promise<void> {
    await this.#turns.idle();
    await this.#documents.close();
    await this.#batches.close();
  }

  #find(batch: string): BatchRecord | null {
    const place = this.#byBatch.get(batch);
    if (place === undefined) return null;
    const recent = this.#recent.get(batch);
    return recent ?? readBatchRecord(this.#batches.read(place.position, place.length));
  }

  /** The documents that are new, and those that are rejected. */
  #divide(documents: readonly DocumentLine[]): { added: Map<string, Uint8Array>; rejected: RejectedDocument[] } {
    const added = new Map<string, Uint8Array>();
    const rejected: RejectedDocument[] = [];
    for (const { id, line, document } of documents) {
      if (this.#ids.has(id) || added.has(id)) continue;
      const objection = this.#options.reject(document, id);
      if (objection === null) added.set(id, line);
      else rejected.push({ id, reason: objection.slice(0, MAX_REASON_LENGTH) });
    }
    return { added, rejected };
  }

  #whatIsFull(added: ReadonlyMap<string, Uint8Array>): AcceptedBatch | null {
    const { storedBatches, storedBytes, storedDocuments } = this.#options.limits;
    const length = [...added.values()].reduce((sum, line) => sum + line.length, 0);
    if (this.#byBatch.size + 1 > storedBatches) return { kind: 'full', what: `${storedBatches} batches` };
    if (this.#ids.size + added.size > storedDocuments) return { kind: 'full', what: `${storedDocuments} documents` };
    if (this.#documents.end + length + this.#batches.end > storedBytes) {
      return { kind: 'full', what: `${storedBytes} bytes` };
    }
    return null;
  }

  async #add(
    { batch, sha256, agent }: BatchHead,
    made: { added: Map<string, Uint8Array>; rejected: RejectedDocument[]; all: number; at: number },
  ): Promise<AcceptedBatch> {
    const { added, rejected, all, at } = made;
    const bytes = Buffer.concat([...added.values()]);
    // First: a line that failed to be synced may be on disk, and names the bytes that are now written over.
    await this.#batches.settle();
    const offset = bytes.length === 0 ? this.#documents.end : await this.#documents.append(bytes);
    const counts = { documents: all, stored: added.size, offset, length: bytes.length };
    const record: BatchRecord = { batch, sha256, agent, at: utcTime(at), ...counts, rejected };
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    try {
      // This is the commit.
      const position = await this.#batches.append(line);
      this.#remember(record, { position, length: line.length - 1 });
    } catch (thrown) {
      this.#documents.undo(offset);
      throw thrown;
    }
    for (const id of added.keys()) this.#ids.add(id);
    return { kind: 'stored', receipt: receiptOf(record) };
  }

  #remember(record: BatchRecord, place: { position: number; length: number }): void {
    this.#byBatch.set(record.batch, place);
    this.#recent.set(record.batch, record);
  }

  async #recover(): Promise<void> {
    let end = 0;
    const whole = await this.#batches.eachLine((line, position) => {
      const record = readBatchRecord(line);
      if (record === null) throw new Error(`${BATCHES_FILE} has a line at byte ${position} that is not a batch`);
      this.#remember(record, { position, length: line.length });
      end = record.offset + record.length;
    });
    await this.#batches.cut(whole);
    if (this.#documents.end < end) {
      throw new Error(`${DOCUMENTS_FILE} has ${this.#documents.end} bytes, but ${end} were acknowledged`);
    }
    await this.#documents.cut(end);
    await this.#documents.eachLine((line) => this.#ids.add(idOf(line)));
  }
}

function idOf(line: Buffer): string {
  const length = ID_FIRST.exec(line.toString('latin1', 0, 160))?.[1]?.length;
  // A copy: a part of the longer string would keep that in memory.
  if (length !== undefined) return line.toString('latin1', ID_AT, ID_AT + length);
  return String((JSON.parse(line.toString('utf8')) as { id: unknown }).id);
}
