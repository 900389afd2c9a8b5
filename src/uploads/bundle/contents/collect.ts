// Reads every file and journal, redacts it, and passes it on. No unredacted data is written anywhere.
//
// Guarantees: what cannot be read or redacted is left out, and the reason is recorded. No source gets more than half of
// the bytes, so that one huge file does not displace everything else. The collection ends if the receiver of the text
// fails, or if the signal aborts.

import { CodedError, isExhaustion } from '#errors/coded-error.ts';
import type { Attachment } from '#spool/entry.ts';
import { wait } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';
import type { RuleCounts } from '#uploads/redaction/windows.ts';
import type { BundleItem, BundleRequest, ContentsPorts, GivenSource, LeftOut } from './contents-types.ts';
import { type FileText, textOf } from './file-text.ts';
import { itemsOf } from './items.ts';
import { journalOf } from './journal-text.ts';
import { LeftOutError, leftOutReason } from './left-out.ts';
import { type ManifestFile, maskedOf } from './manifest.ts';
import { type Names, namesFor } from './names.ts';

/** Diagnosis makes connections; the others take moments. */
const GIVEN_LIMIT_MS = 300_000;
const GIVEN_CHUNK_BYTES = 65_536;
const SHARE_OF_ONE = 0.5;
/** Less than this is not worth a file of its own. */
const MIN_BYTES = 4_096;
/** What is left out can be listed by the thousand; the rest is counted. */
const MAX_LEFT_OUT = 2_000;
const NEWLINE = 0x0a;

/** Where redacted text goes; returns its length and digest. What it throws ends the collection. */
export type Store = (index: number, text: AsyncIterable<Uint8Array>) => Promise<Attachment>;

/** A collected file. */
export interface CollectedFile {
  readonly file: ManifestFile;
  /** The index that the store got. */
  readonly index: number;
  readonly modifiedMs: number;
}

/** The result of collecting. */
export interface Collected {
  readonly files: readonly CollectedFile[];
  readonly leftOut: readonly LeftOut[];
  /** Bytes that were read, before redaction. */
  readonly sourceBytes: number;
}

export interface CollectOptions {
  readonly redactor: Awaited<ReturnType<ContentsPorts['redaction']>>['redactor'];
  readonly maxBytes: number;
  readonly store: Store;
  readonly signal: AbortSignal;
}

/** @throws what the store throws; the reason of the signal; CodedError TOO-MANY-FILES, OUT-OF-MEMORY, FILE-FAILED */
export async function collect(
  ports: ContentsPorts,
  request: BundleRequest,
  options: CollectOptions,
): Promise<Collected> {
  const { items, leftOut } = await itemsOf(ports, request, options.signal);
  const collection = new Collection(ports, request, options);
  for (const item of items) await collection.take(item);
  return await collection.result(leftOut);
}

class Collection {
  readonly #ports: ContentsPorts;
  readonly #request: BundleRequest;
  readonly #options: CollectOptions;
  readonly #names: Names;
  readonly #files: CollectedFile[] = [];
  readonly #leftOut: LeftOut[] = [];
  #sourceBytes = 0;

  constructor(ports: ContentsPorts, request: BundleRequest, options: CollectOptions) {
    this.#ports = ports;
    this.#request = request;
    this.#options = options;
    this.#names = namesFor(options.redactor);
  }

  async take(item: BundleItem): Promise<void> {
    const { signal, maxBytes } = this.#options;
    signal.throwIfAborted();
    const room = maxBytes - this.#sourceBytes;
    try {
      if (room < MIN_BYTES) throw new LeftOutError(`the bundle already has ${maxBytes} bytes of newer data`);
      await this.#read(item, Math.min(room, Math.floor(maxBytes * SHARE_OF_ONE)));
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof StoreError) throw thrown.cause;
      if (thrown instanceof CodedError && isExhaustion(thrown)) throw thrown;
      this.#leftOut.push({ name: item.name, reason: leftOutReason(thrown) });
    }
  }

  /** What was left out is named as it may leave this host. */
  async result(before: readonly LeftOut[]): Promise<Collected> {
    const all = [...before, ...this.#leftOut];
    const leftOut: LeftOut[] = [];
    for (const { name, reason } of all.slice(0, MAX_LEFT_OUT)) {
      leftOut.push({ name: this.#names.shown(name), reason: await this.#names.text(reason) });
    }
    const more = all.length - leftOut.length;
    if (more > 0) leftOut.push({ name: '...', reason: `${more} more are not listed` });
    return { files: this.#files, leftOut, sourceBytes: this.#sourceBytes };
  }

  async #read(item: BundleItem, limit: number): Promise<void> {
    const { content, modifiedMs } = item;
    if (content.kind === 'given') {
      const text = await this.#given(content.source, limit);
      await this.#keep(item, { text, modifiedMs: this.#ports.clock.now() });
    } else if (content.kind === 'journal') {
      const { sinceMs } = this.#request;
      const { signal } = this.#options;
      const { chunks, isCut } = await journalOf(this.#ports, { unit: content.unit, sinceMs, limit, signal });
      await this.#keep(item, { text: { ...WHOLE, chunks }, modifiedMs });
      if (isCut) this.#leftOut.push({ name: item.name, reason: 'its older entries do not fit' });
    } else {
      const file = await content.open();
      try {
        const text = textOf(file, { limit, clock: this.#ports.clock, signal: this.#options.signal });
        await this.#keep(item, { text, modifiedMs });
      } finally {
        await file.close();
      }
    }
  }

  async #given(source: GivenSource, limit: number): Promise<FileText> {
    const over = new AbortController();
    const signal = AbortSignal.any([this.#options.signal, over.signal]);
    const deadline = wait(this.#ports.clock, GIVEN_LIMIT_MS, signal).then(() => {
      throw new LeftOutError('making it takes too long');
    });
    try {
      const bytes = Buffer.from(await Promise.race([this.#ports.builtIn(source, signal), deadline]));
      if (bytes.length > limit) throw new LeftOutError(`it has ${bytes.length} bytes, more than are left`);
      return { ...WHOLE, chunks: piecesOf(bytes) };
    } finally {
      over.abort();
      deadline.catch(() => undefined);
    }
  }

  async #keep(item: BundleItem, { text, modifiedMs }: { text: FileText; modifiedMs: number }): Promise<void> {
    const { redactor, store, signal } = this.#options;
    const counts: RuleCounts = new Map();
    const index = this.#files.length;
    let failure: { readonly thrown: unknown } | null = null;
    let bytes = 0;
    const counted = async function* () {
      for await (const chunk of text.chunks) {
        signal.throwIfAborted();
        bytes += chunk.length;
        yield chunk;
      }
    };
    const redacted = async function* () {
      try {
        yield* withoutLead(redactor.redactLines(counted(), counts), text.lead);
      } catch (thrown) {
        failure = { thrown };
        throw thrown;
      }
    };
    const name = this.#names.forFile(item.name, counts);
    const kept = await store(index, redacted()).catch((thrown: unknown) => {
      throw failure === null ? new StoreError(thrown) : failure.thrown;
    });
    this.#names.taken(name);
    this.#sourceBytes += bytes;
    this.#files.push({
      index,
      modifiedMs,
      file: {
        name,
        bytes: kept.length,
        sha256: kept.sha256,
        modified_at: utcTime(modifiedMs),
        skipped_bytes: text.skipped,
        unpacked_from: text.packed,
        masked: maskedOf(counts),
      },
    });
  }
}

const WHOLE: Omit<FileText, 'chunks'> = { lead: 0, skipped: 0, packed: null };

/** The store failed, not the source. */
class StoreError extends Error {
  constructor(cause: unknown) {
    super('the store failed', { cause });
  }
}

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += GIVEN_CHUNK_BYTES) {
    yield bytes.subarray(at, at + GIVEN_CHUNK_BYTES);
    await Promise.resolve();
  }
}

/** Drops this number of bytes and the rest of the line after them. */
async function* withoutLead(chunks: AsyncIterable<Uint8Array>, lead: number): AsyncGenerator<Uint8Array> {
  let left = lead;
  let isInLine = lead > 0;
  for await (const chunk of chunks) {
    let from = Math.min(left, chunk.length);
    left -= from;
    if (left === 0 && isInLine && from < chunk.length) {
      const end = chunk.indexOf(NEWLINE, from);
      isInLine = end === -1;
      from = end === -1 ? chunk.length : end + 1;
    }
    if (from < chunk.length) yield from === 0 ? chunk : chunk.subarray(from);
  }
}
