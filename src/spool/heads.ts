// Writes the head files of one kind of data, one small JSON file for each entry, and keeps the queue in memory the
// same.
//
// Guarantees: a head is durable before it is in the queue. On a full disk, changes of accepted entries may use the
// ballast; new entries may not. A crash leaves the head from before or after the write.

import { coded } from '#errors/coded-error.ts';
import type { Ballast } from './ballast.ts';
import type { EntryHead, HeadRecord } from './entry.ts';
import type { KindFolder } from './folder.ts';
import type { SpoolKind } from './kind.ts';
import { type Queue, type QueuedEntry, toQueuedEntry } from './queue.ts';

/** The heads of one kind, on disk and in memory. */
export class Heads<Body> {
  readonly kind: SpoolKind<Body>;
  readonly folder: KindFolder;
  readonly queue: Queue;
  readonly #ballast: Ballast | undefined;

  constructor(opened: { kind: SpoolKind<Body>; folder: KindFolder; queue: Queue }, ballast: Ballast | undefined) {
    this.kind = opened.kind;
    this.folder = opened.folder;
    this.queue = opened.queue;
    this.#ballast = ballast;
  }

  /** A head that was never postponed. */
  create(key: string, acceptedAtMs: number): EntryHead {
    return { key, kind: this.kind.name, acceptedAtMs, attempts: 0, postponed: null, held: false, attachment: null };
  }

  /** Adds an entry. @throws CodedError DISK-FULL, FILE-* */
  async put(sequence: number, record: HeadRecord): Promise<void> {
    const bytes = await this.folder.write(sequence, record);
    this.queue.keep(toQueuedEntry(this.kind, { sequence, record, bytes }));
  }

  /** Writes the changed fields of a head; its body comes from the disk. @throws CodedError DISK-FULL, FILE-* */
  async rewrite({ sequence, head }: QueuedEntry, ending: HeadRecord['ending']): Promise<void> {
    const { body } = await this.record(sequence);
    await this.spend(() => this.folder.write(sequence, { head, body, ending }));
  }

  /** @throws CodedError FILE-* */
  async record(sequence: number): Promise<HeadRecord> {
    const read = await this.folder.read(sequence);
    if (read.kind === 'record') return read.record;
    if (read.kind === 'closed') throw read.error;
    const path = this.folder.path(sequence, 'json');
    throw coded('FILE-FAILED', { operation: 'read', path, reason: 'it is no longer the head of an entry' });
  }

  /** Runs a write that can be repeated; it may spend the ballast. */
  spend<T>(work: () => Promise<T>): Promise<T> {
    return this.#ballast === undefined ? work() : this.#ballast.spend(work);
  }

  /** Called after files were removed: the ballast returns if there is space again. */
  async restoreBallast(): Promise<void> {
    await this.#ballast?.restore();
  }
}
