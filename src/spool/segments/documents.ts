// The store of documents of exposure analytics. Documents are in segments, which are large files; a batch is a range of
// a segment.
//
// Guarantees: after `append` returns, a document is on disk until it is settled or rejected. Batches are entries of the
// spool `batch`; a segment is deleted when no batch refers to it. Nothing is copied, so sending needs space only for a
// few heads, which the ballast provides on a full disk. Relies on the lock of the state folder. A crash leaves segments
// that the next start queues or deletes (`load.ts`).

import { asCoded, type CodedError } from '#errors/coded-error.ts';
import type { Report, Scope } from '#logging/events.ts';
import type { AttachmentBody, AttachmentSource } from '#spool/attachment.ts';
import type { SplitPart } from '#spool/entry.ts';
import type { Spool } from '#spool/spool.ts';
import type { Clock, Timer } from '#system/clock.ts';
import { Turns } from '#system/turns.ts';
import { Appender, SEGMENT_SIZES, type SealedSegment, type SegmentSizes } from './appender.ts';
import { cutRange, evidenceOf, linesOf, rangeBody, type StoredDocument } from './content.ts';
import type { SegmentFolder } from './folder.ts';
import type { IdSequence } from './ids.ts';
import { type Accepted, type IntakePorts, type Submission, takeIn } from './intake.ts';
import type { Committed } from './large-submission.ts';
import { Leftovers } from './leftovers.ts';
import { LineHeads } from './line-buffer.ts';
import type { LoadedSegments } from './load.ts';
import { type DocumentQuota, Reservations } from './quota.ts';
import { type BatchLimits, type BatchRange, segmentKey, segmentOfKey } from './range.ts';

/** A segment that could not be queued (a full disk), or cleanup that failed, is tried again after this. */
const AGAIN_MS = 60_000;
const SOONEST_MS = 1_000;

/** What waits to be sent. */
export interface WaitingDocuments {
  readonly documents: number;
  /** Of all segments on disk: what counts against the quota. */
  readonly bytes: number;
  /** When the oldest of them was received, in ms since the epoch; null when none waits. */
  readonly oldestAtMs: number | null;
}

/** The parts of an opened store. */
export interface DocumentParts {
  readonly folder: SegmentFolder;
  readonly ids: IdSequence;
  readonly batches: Spool<BatchRange>;
  readonly clock: Clock;
  readonly report: Report;
  readonly options: StoreOptions;
}

/** The settings of a store. Quota and time are read each time, so they may change. */
export interface StoreOptions {
  /** The purpose that the documents belong to, for the log. */
  readonly scope: Scope;
  readonly quota: () => DocumentQuota;
  /** How long documents are collected before they become a batch, if nothing else waits to be sent. */
  readonly sealAfterMs: () => number;
  /** 8 MiB and 1 MiB by default. */
  readonly sizes?: SegmentSizes;
}

/** The documents of one outbox. */
export class Documents {
  /** Batches to send. A delivery loop works on it as on every spool. */
  readonly batches: Spool<BatchRange>;
  readonly #parts: DocumentParts;
  readonly #appender: Appender;
  readonly #intake: IntakePorts;
  /** Segments without a batch, by id. */
  readonly #unqueued = new Map<string, SealedSegment>();
  /** Large submissions whose record is still needed. */
  readonly #committed = new Set<Committed>();
  readonly #leftovers = new Leftovers();
  readonly #turns = new Turns();
  #queueing: string | null = null;
  #ripeAt: number | null = null;
  #timer: Timer | null = null;
  #onQueued: () => void = () => undefined;
  #isClosed = false;

  constructor(parts: DocumentParts, { sealed, committed }: LoadedSegments) {
    const { folder, ids, batches, options } = parts;
    this.#parts = parts;
    this.batches = batches;
    for (const one of sealed) this.#unqueued.set(one.id, one);
    for (const one of committed) this.#addCommitted(one);
    const shared = { folder, ids, sizes: options.sizes ?? SEGMENT_SIZES, leftovers: this.#leftovers };
    this.#appender = new Appender({
      ...shared,
      queue: () => this.#queueAll(),
      onSealed: (one) => {
        this.#unqueued.set(one.id, one);
        this.#ripeAt = null;
        void this.#queueQuietly();
      },
      onFirst: () => {
        this.#ripeAt = parts.clock.monotonic() + options.sealAfterMs();
        this.#plan();
      },
    });
    const reservations = new Reservations({ dir: folder.dir, limit: options.quota, used: () => this.#used() });
    const onCommitted = (one: Committed) => {
      this.#addCommitted(one);
      void this.#queueQuietly();
    };
    this.#intake = { ...shared, heads: new LineHeads(), appender: this.#appender, reservations, onCommitted };
  }

  /** Queues what a previous run accepted. Never throws coded errors: what fails is tried again later. */
  async start(): Promise<void> {
    await this.#queueQuietly();
  }

  get waiting(): WaitingDocuments {
    const unqueued = [...this.#unqueued.values()];
    const times = [this.batches.oldestAt(), this.#appender.receivedAtMs, ...unqueued.map((one) => one.receivedAtMs)];
    const oldest = times.reduce<number>((least, at) => Math.min(least, at ?? least), Number.POSITIVE_INFINITY);
    const oldestAtMs = Number.isFinite(oldest) ? oldest : null;
    return { ...this.#used(), oldestAtMs };
  }

  /** As `waiting`, without a search for the oldest: it is needed for each submission. */
  #used(): DocumentQuota {
    let documents = this.batches.content.items + this.#appender.documents;
    for (const one of this.#unqueued.values()) documents += one.documents;
    return { documents, bytes: this.#parts.folder.bytes };
  }

  get quota(): DocumentQuota {
    return this.#parts.options.quota();
  }

  /** Damaged segments that are kept for an admin. */
  get quarantined(): number {
    return this.#parts.folder.quarantine.size;
  }

  /**
   * Accepts all documents or none. Durable on return.
   * @throws CodedError SPOOL-FULL, SPOOL-TOO-LARGE, DISK-FULL, FILE-*, and what the source throws
   */
  async append(submission: Submission): Promise<Accepted> {
    try {
      return await takeIn(this.#intake, submission, this.#parts.clock.now());
    } finally {
      if (this.#leftovers.areLeft) this.#plan();
    }
  }

  /** Makes a batch of everything that was accepted, without waiting for more. @throws CodedError DISK-FULL, FILE-* */
  async seal(): Promise<void> {
    await this.#appender.seal();
    await this.#queueAll();
  }

  /** Called when there is a new batch. */
  onQueued(listener: () => void): void {
    this.#onQueued = listener;
  }

  /** The bytes to send. `batches.verify` compares them with their digest; this does not. */
  body(range: BatchRange): AttachmentBody {
    return rangeBody(this.#parts.folder, range);
  }

  /** The documents of a batch, one at a time. @throws CodedError FILE-* */
  lines(range: BatchRange): AsyncGenerator<StoredDocument, void, undefined> {
    return linesOf(this.#parts.folder, range);
  }

  /** The refused documents of a batch with their reasons by id, to be kept with its rejection. */
  evidence(range: BatchRange, reasons: ReadonlyMap<string, string>): AttachmentSource {
    return evidenceOf(this.#parts.folder, range, reasons);
  }

  /**
   * Parts within the limits, for a split: at most 64, the last of which is what remains. A single document is a part
   * even if it exceeds them. @throws CodedError FILE-*
   */
  cut(range: BatchRange, limits: BatchLimits): Promise<readonly SplitPart<BatchRange>[]> {
    return cutRange(this.#parts.folder, range, limits);
  }

  /** Two parts with half of the documents each, for a split. @throws CodedError FILE-* */
  halve(range: BatchRange): Promise<readonly SplitPart<BatchRange>[]> {
    return this.cut(range, { documents: Math.ceil(range.documents / 2), bytes: Number.POSITIVE_INFINITY });
  }

  /** Ends timers and makes a batch of what was accepted. Submissions must have ended. Never throws coded errors. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.seal().catch(asCoded);
  }

  /** For the spool of batches: an entry has left it. It must not wait for an operation of that spool. */
  async released(key: string, how: 'ended' | 'set-aside'): Promise<void> {
    const { folder } = this.#parts;
    const id = segmentOfKey(key);
    if (how === 'set-aside') await folder.move(id, 'damaged');
    if (!this.#isNeeded(id)) await folder.remove(id);
    void this.#sealIfIdle();
  }

  #isNeeded(id: string): boolean {
    if (this.#unqueued.has(id) || this.#queueing === id) return true;
    return this.batches.some((key) => segmentOfKey(key) === id);
  }

  #addCommitted(committed: Committed): void {
    for (const one of committed.segments) {
      // A segment that was queued before a crash, or is sent already, needs nothing.
      const state = this.#parts.folder.stateOf(one.id);
      if (state === 'incoming' || state === 'segment') this.#unqueued.set(one.id, one);
    }
    if (committed.record !== null) this.#committed.add(committed);
  }

  #queueAll(): Promise<void> {
    return this.#turns.run(async () => {
      const { folder } = this.#parts;
      for (const sealed of [...this.#unqueued.values()].sort((a, b) => (a.id < b.id ? -1 : 1))) {
        await this.#queue(sealed);
      }
      for (const committed of this.#committed) {
        if (committed.segments.some(({ id }) => folder.stateOf(id) === 'incoming')) continue;
        if (committed.record !== null) await folder.removeCommit(committed.record);
        this.#committed.delete(committed);
      }
    });
  }

  /** The batch first, then the new name of its segment: in another order, a crash would lose the documents. */
  async #queue({ id, length, documents, sha256, receivedAtMs, isDamaged = false }: SealedSegment): Promise<void> {
    const { folder, batches } = this.#parts;
    this.#queueing = id;
    try {
      const body: BatchRange = { segment: id, offset: 0, length, sha256, documents };
      await batches.accept({ key: segmentKey(id), body, acceptedAtMs: receivedAtMs, isOwed: true });
      this.#unqueued.delete(id);
      await folder.move(id, isDamaged ? 'damaged' : 'queued');
    } finally {
      this.#queueing = null;
    }
    if (!this.#isNeeded(id)) await folder.remove(id);
    this.#onQueued();
  }

  async #queueQuietly(): Promise<void> {
    try {
      await this.#queueAll();
    } catch (thrown) {
      this.#reportFault(asCoded(thrown));
      this.#plan();
    }
  }

  /** A full disk is reported by each submission that it refuses. */
  #reportFault(error: CodedError): void {
    if (error.code !== 'DISK-FULL') this.#parts.report({ name: 'fault', error });
  }

  /**
   * Starts the timer for what waits. While older batches are due or the kind waits after a failure, documents are
   * collected further, so that an outage makes a few long batches and not thousands of short ones.
   */
  #plan(): void {
    this.#timer?.cancel();
    if (this.#isClosed) return;
    const { clock, options } = this.#parts;
    const againMs = Math.max(options.sealAfterMs(), SOONEST_MS);
    const ripeMs = this.#ripeAt === null ? null : this.#ripeAt - clock.monotonic();
    const waits = [
      ...(this.#unqueued.size > 0 || this.#leftovers.areLeft ? [AGAIN_MS] : []),
      ...(ripeMs === null ? [] : [ripeMs > 0 ? ripeMs : againMs]),
    ];
    if (waits.length === 0) return;
    const ms = Math.min(...waits);
    this.#timer = clock.after(ms, () => void this.#wake());
  }

  async #wake(): Promise<void> {
    await this.#leftovers.clear().catch(asCoded);
    if (this.#unqueued.size > 0) await this.#queueQuietly();
    await this.#sealIfIdle();
    this.#plan();
  }

  async #sealIfIdle(): Promise<void> {
    const { clock, batches } = this.#parts;
    const isRipe = this.#ripeAt !== null && clock.monotonic() >= this.#ripeAt;
    const isBusy = batches.heldForMs() > 0 || batches.due(clock.now()).length > 0;
    if (!isRipe || isBusy || this.#isClosed) return;
    await this.#appender.seal();
  }
}
