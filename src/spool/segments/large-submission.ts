// A submission that is too large for memory. It is streamed into segments of its own.
//
// Guarantees: all of its documents are accepted, or none. A single segment is committed by its rename. Several segments
// are committed by one durable record that lists them. A crash before that leaves `incoming` files, which the next
// start deletes. A crash after it leaves the record, which the next start carries out.

import { createHash, type Hash } from 'node:crypto';
import { z } from 'zod';
import { asCoded } from '#errors/coded-error.ts';
import { publishFile } from '#system/durable.ts';
import { type OpenFile, writeAll } from '#system/files.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { type StateReader, saveState } from '#system/state-file.ts';
import type { SealedSegment, SegmentSizes } from './appender.ts';
import type { SegmentFolder } from './folder.ts';
import type { IdSequence } from './ids.ts';
import type { Leftovers } from './leftovers.ts';
import { LAST_BYTES, type LineBuffer, type PackedDocuments } from './line-buffer.ts';
import { batchRangeSchema } from './range.ts';

const FORMAT = 1;
/** Lines are collected here, because a system call for each would cost more than the line. */
const SCRATCH_BYTES = 262_144;

const commitSchema = z.strictObject({
  segments: z.array(
    z.strictObject({
      id: batchRangeSchema.shape.segment,
      length: z.int().positive(),
      documents: z.int().positive(),
      sha256: batchRangeSchema.shape.sha256,
      receivedAtMs: momentSchema,
    }),
  ),
});

/** Reads a commit record. */
export const commitReader: StateReader<readonly SealedSegment[]> = {
  format: FORMAT,
  parse: (raw) => commitSchema.parse(raw).segments,
};

/** A committed submission. */
export interface Committed {
  readonly segments: readonly SealedSegment[];
  /** Id of its commit record; null if it needs none. */
  readonly record: string | null;
}

interface Current {
  readonly id: string;
  readonly file: OpenFile;
  readonly hash: Hash;
  /** Written bytes. */
  length: number;
  documents: number;
}

export interface LargeOptions {
  readonly folder: SegmentFolder;
  readonly ids: IdSequence;
  readonly sizes: SegmentSizes;
  readonly leftovers: Leftovers;
  readonly receivedAtMs: number;
  /** May hold the first lines. */
  readonly lines: LineBuffer;
}

/** The segments of one large submission. Its operations must not overlap. */
export class LargeSubmission {
  readonly #options: LargeOptions;
  readonly #created: string[] = [];
  readonly #sealed: SealedSegment[] = [];
  /** The file whose name commits the submission, once it may have that name. */
  #commitPoint: string | null = null;
  #current: Current | null = null;
  /** The fsync of the previous segment, while the next one is written. */
  #syncing: Promise<void> = Promise.resolve();

  constructor(options: LargeOptions) {
    this.#options = options;
  }

  /** Writes the documents that the buffer already holds. @throws CodedError DISK-FULL, FILE-* */
  async begin(documents: number): Promise<void> {
    if (documents > 0) (await this.#open()).documents = documents;
    this.#options.lines.reserve(SCRATCH_BYTES);
  }

  /** @throws CodedError DISK-FULL, FILE-* */
  async add({ bytes, places }: PackedDocuments): Promise<void> {
    const { lines } = this.#options;
    for (let at = 0; at < places.length; at += 2) {
      const [from, to] = [places[at] ?? 0, places[at + 1] ?? 0];
      const size = lines.sizeOf(to - from);
      const current = this.#placeFor(size) ?? (await this.#next());
      if (!lines.hasSpaceFor(size)) {
        this.#flush(current);
        lines.reserve(size);
      }
      lines.put(bytes, from, to);
      current.documents += 1;
    }
  }

  /** The present segment, if it has place for a line. */
  #placeFor(size: number): Current | null {
    if (this.#current === null) return null;
    const end = this.#current.length + this.#options.lines.length + size + LAST_BYTES;
    return end <= this.#options.sizes.segment ? this.#current : null;
  }

  async #next(): Promise<Current> {
    if (this.#current !== null) await this.#seal(this.#current);
    return await this.#open();
  }

  /** Durable on return. @throws CodedError DISK-FULL, FILE-*: call `discard` then */
  async commit(): Promise<Committed> {
    if (this.#current !== null) await this.#seal(this.#current);
    await this.#syncing;
    const { folder, leftovers } = this.#options;
    const segments = this.#sealed;
    const [first] = segments;
    if (first === undefined) throw new TypeError('a large submission has documents');
    await leftovers.clear();
    if (segments.length === 1) {
      this.#commitPoint = folder.path(first.id, 'segment');
      await publishFile(folder.files, folder.path(first.id, 'incoming'), folder.path(first.id, 'segment'));
      folder.set(first.id, { state: 'segment', length: first.length });
      return { segments, record: null };
    }
    // The record must not be durable before the names that it lists.
    await folder.files.syncDirectory(folder.dir);
    this.#commitPoint = folder.commitPath(first.id);
    await saveState(folder.files, folder.commitPath(first.id), { format: FORMAT, value: { segments } });
    for (const { id, length } of segments) folder.set(id, { state: 'incoming', length });
    return { segments, record: first.id };
  }

  /** Deletes everything. Segments that cannot be deleted now are deleted at the next start. */
  async discard(): Promise<void> {
    await this.#syncing.catch(asCoded);
    await this.#current?.file.close().catch(asCoded);
    await this.#options.leftovers.clean(() => this.#takeBack());
  }

  async #takeBack(): Promise<void> {
    const { folder } = this.#options;
    // The commit may have failed after its rename. A record must not list segments that are gone in part.
    if (this.#commitPoint !== null) await folder.takeBack(this.#commitPoint);
    for (const id of this.#created) await folder.files.remove(folder.path(id, 'incoming')).catch(asCoded);
  }

  async #open(): Promise<Current> {
    const { folder, ids } = this.#options;
    const id = ids.next();
    this.#created.push(id);
    const file = await folder.create(id, 'incoming');
    this.#current = { id, file, hash: createHash('sha256'), length: 0, documents: 0 };
    return this.#current;
  }

  /** Ends a segment. Its fsync runs on; the next one, or the commit, waits for it. */
  async #seal(current: Current): Promise<void> {
    this.#options.lines.end();
    this.#flush(current);
    await this.#syncing;
    this.#current = null;
    this.#syncing = syncAndClose(current.file);
    // A failure is thrown where it is awaited.
    this.#syncing.catch(() => undefined);
    const { id, length, documents, hash } = current;
    const { receivedAtMs } = this.#options;
    this.#sealed.push({ id, length, documents, sha256: hash.digest('hex'), receivedAtMs });
  }

  #flush(current: Current): void {
    const { lines } = this.#options;
    const { bytes } = lines;
    lines.clear();
    if (bytes.length === 0) return;
    writeAll(current.file, bytes, current.length);
    current.hash.update(bytes);
    current.length += bytes.length;
  }
}

async function syncAndClose(file: OpenFile): Promise<void> {
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
