// The segment file that small submissions share. Several submissions share one fsync (group commit).
//
// Guarantees: a submission is acknowledged only after an fsync that covers all of it. If the write fails, all
// submissions that wait for it are refused, and their bytes are cut off. If cutting also fails, the segment ends: first
// a batch of the acknowledged bytes is made durable, and then new submissions are accepted (`leftovers.ts`). A crash
// can leave bytes after the last acknowledged submission, which `line.ts` recognizes.

import { createHash, type Hash } from 'node:crypto';
import { asCoded } from '#errors/coded-error.ts';
import { type OpenFile, writeAll } from '#system/files.ts';
import { Turns } from '#system/turns.ts';
import type { SegmentFolder } from './folder.ts';
import type { IdSequence } from './ids.ts';
import type { Leftovers } from './leftovers.ts';

/** Where segments end. */
export interface SegmentSizes {
  /** A segment ends before it would be longer, in bytes. A single document may be longer. */
  readonly segment: number;
  /** A submission of at most this many bytes stays in memory and shares a segment with others. */
  readonly shared: number;
}

export const SEGMENT_SIZES: SegmentSizes = { segment: 8 * 1_048_576, shared: 1_048_576 };
/** Submissions are collected here, because a system call for each would cost more than its lines. */
const SCRATCH_BYTES = 262_144;

/** A segment that gets no more documents. */
export interface SealedSegment {
  readonly id: string;
  readonly length: number;
  readonly documents: number;
  /** In hex. */
  readonly sha256: string;
  /** When its first document was received, in ms since the epoch. */
  readonly receivedAtMs: number;
  /** It is kept in `quarantine/` when its documents were sent. */
  readonly isDamaged?: boolean;
}

/** Encoded lines of one submission. */
export interface EncodedLines {
  readonly bytes: Uint8Array;
  readonly documents: number;
  readonly receivedAtMs: number;
}

interface Shared {
  readonly id: string;
  readonly file: OpenFile;
  readonly receivedAtMs: number;
  /** What is acknowledged. */
  length: number;
  documents: number;
  hash: Hash;
}

interface Waiting extends EncodedLines {
  readonly resolve: () => void;
  readonly reject: (thrown: unknown) => void;
}

export interface AppenderOptions {
  readonly folder: SegmentFolder;
  readonly ids: IdSequence;
  readonly sizes: SegmentSizes;
  readonly leftovers: Leftovers;
  /** Called in the turn in which a segment ended. */
  readonly onSealed: (sealed: SealedSegment) => void;
  /** Makes batches of segments that ended. @throws CodedError DISK-FULL, FILE-* */
  readonly queue: () => Promise<void>;
  /** Called when the first documents of a segment are acknowledged. */
  readonly onFirst: () => void;
}

/** Appends submissions to the shared segment. */
export class Appender {
  readonly #options: AppenderOptions;
  readonly #turns = new Turns();
  readonly #scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  #waiting: Waiting[] = [];
  #shared: Shared | null = null;

  constructor(options: AppenderOptions) {
    this.#options = options;
  }

  /** Documents that are acknowledged and in no sealed segment. */
  get documents(): number {
    return this.#shared?.documents ?? 0;
  }

  /** When the first of them was received, in ms since the epoch. */
  get receivedAtMs(): number | null {
    return this.#shared === null || this.#shared.documents === 0 ? null : this.#shared.receivedAtMs;
  }

  /** Durable on return. @throws CodedError DISK-FULL, FILE-*: none of it was accepted */
  append(submission: EncodedLines): Promise<void> {
    return new Promise((resolve, reject) => {
      const isFirst = this.#waiting.push({ ...submission, resolve, reject }) === 1;
      // A commit that has not started takes everything that waits by then.
      if (isFirst) void this.#turns.run(() => this.#commitAll());
    });
  }

  /** Ends the shared segment after the commit that is under way. */
  seal(): Promise<void> {
    return this.#turns.run(() => this.#seal());
  }

  async #commitAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = await this.#takeGroup();
      try {
        await this.#commit(group);
        for (const { resolve } of group) resolve();
      } catch (thrown) {
        for (const { reject } of group) reject(thrown);
      }
    }
  }

  /** What waits and fits into one segment; at least one submission. */
  async #takeGroup(): Promise<readonly Waiting[]> {
    const fits = (used: number) => {
      let bytes = used;
      const after = this.#waiting.findIndex((one) => {
        bytes += one.bytes.length;
        return bytes > this.#options.sizes.segment;
      });
      return after < 0 ? this.#waiting.length : after;
    };
    let count = fits(this.#shared?.length ?? 0);
    if (count === 0) {
      await this.#seal();
      count = Math.max(1, fits(0));
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    await this.#options.leftovers.clear();
    const shared = this.#shared ?? (await this.#begin(group[0]?.receivedAtMs ?? 0));
    const hash = shared.hash.copy();
    let end = shared.length;
    try {
      for (const chunk of this.#chunks(group)) {
        writeAll(shared.file, chunk, end);
        hash.update(chunk);
        end += chunk.length;
      }
      await shared.file.sync();
    } catch (thrown) {
      await this.#undo(shared);
      throw thrown;
    }
    const isFirst = shared.documents === 0;
    shared.length = end;
    shared.hash = hash;
    shared.documents += group.reduce((sum, { documents }) => sum + documents, 0);
    this.#options.folder.set(shared.id, { state: 'segment', length: end });
    if (isFirst) this.#options.onFirst();
  }

  /** All lines in chunks that use one buffer. A long submission is a chunk of its own. */
  *#chunks(group: readonly Waiting[]): Generator<Uint8Array, void, undefined> {
    let used = 0;
    for (const { bytes } of group) {
      if (used + bytes.length > SCRATCH_BYTES) {
        yield this.#scratch.subarray(0, used);
        used = 0;
      }
      if (bytes.length > SCRATCH_BYTES) yield bytes;
      else {
        this.#scratch.set(bytes, used);
        used += bytes.length;
      }
    }
    if (used > 0) yield this.#scratch.subarray(0, used);
  }

  async #begin(receivedAtMs: number): Promise<Shared> {
    const { folder, ids } = this.#options;
    const id = ids.next();
    const file = await folder.create(id, 'segment');
    const shared = { id, file, receivedAtMs, length: 0, documents: 0, hash: createHash('sha256') };
    try {
      // Without its name, a synced file is lost in a power cut.
      await folder.files.syncDirectory(folder.dir);
    } catch (thrown) {
      await this.#discard(shared);
      throw thrown;
    }
    this.#shared = shared;
    return shared;
  }

  /** Cuts off what was not acknowledged. Errors are not reported: the caller gets the failure that led here. */
  async #undo(shared: Shared): Promise<void> {
    if (shared.length === 0) {
      this.#shared = null;
      return await this.#discard(shared);
    }
    try {
      await shared.file.truncate(shared.length);
      await shared.file.sync();
    } catch (thrown) {
      asCoded(thrown);
      await this.#seal();
      await this.#options.leftovers.clean(this.#options.queue);
    }
  }

  async #discard({ id, file }: Shared): Promise<void> {
    const { folder, leftovers } = this.#options;
    await file.close().catch(asCoded);
    await leftovers.clean(() => folder.takeBack(folder.path(id, 'segment')));
  }

  async #seal(): Promise<void> {
    const shared = this.#shared;
    if (shared === null) return;
    this.#shared = null;
    await shared.file.close().catch(asCoded);
    const { id, length, documents, receivedAtMs, hash } = shared;
    this.#options.onSealed({ id, length, documents, receivedAtMs, sha256: hash.digest('hex') });
  }
}
