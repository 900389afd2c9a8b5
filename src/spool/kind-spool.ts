// One spool at work: the order of durable steps behind everything that `Spool` promises.
//
// Accepting: attachment, then head. Settling: key, then head and attachment. Rejecting and splitting: one durable
// write of a record in the head decides; keys, new heads and moves follow and can be repeated. Relies on `folder.ts`
// for the single steps. A crash leaves the state before the deciding write, or a record that `finish` carries out.

import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import { Turns } from '#system/turns.ts';
import { type AttachmentBody, attachmentBody, checkAttachment, stageAttachment } from './attachment.ts';
import {
  type Attachment,
  type Ending,
  type EntryHead,
  encodeHead,
  type HeadRecord,
  isKey,
  MAX_ENTRY_HEAD_BYTES,
  type SplitPart,
  type SpoolEntry,
} from './entry.ts';
import type { KindFolder } from './folder.ts';
import type { SpoolKind } from './kind.ts';
import { checkBody } from './load.ts';
import type { EntryProblem } from './quarantine.ts';
import { type Queue, type QueuedEntry, toQueuedEntry } from './queue.ts';
import type { SettledKeys } from './settled-keys.ts';
import type { Given, Spool, SpoolPorts } from './spool.ts';

/** The opened parts. */
export interface Opened<Body> {
  readonly kind: SpoolKind<Body>;
  readonly folder: KindFolder;
  readonly settled: SettledKeys;
  readonly queue: Queue;
  readonly buried: readonly number[];
}

/** The spool of one kind over its folder. */
export class KindSpool<Body> implements Spool<Body> {
  readonly kind: SpoolKind<Body>;
  readonly #ports: SpoolPorts;
  readonly #folder: KindFolder;
  readonly #settled: SettledKeys;
  readonly #queue: Queue;
  /** Keys that are being accepted, until the result is known. */
  readonly #accepting = new Map<string, Promise<void>>();
  /** Entries whose heads keep a key for which `settled.log` had no room. */
  #buried: readonly number[];
  readonly #turns = new Turns();
  readonly #deliveries = new Turns();

  constructor(ports: SpoolPorts, opened: Opened<Body>) {
    this.kind = opened.kind;
    this.#ports = ports;
    this.#folder = opened.folder;
    this.#settled = opened.settled;
    this.#queue = opened.queue;
    this.#buried = opened.buried;
  }

  get size(): number {
    return this.#queue.size;
  }

  get bytes(): number {
    return this.#queue.bytes;
  }

  get rejected(): number {
    return this.#folder.rejected.size;
  }

  async accept(given: Given<Body>): Promise<'accepted' | 'already'> {
    const { key } = given;
    if (!isKey(key)) throw new TypeError(`not a key of the spool: ${JSON.stringify(key)}`);
    // Two entries with the same key must not both find it absent.
    for (let other = this.#accepting.get(key); other !== undefined; other = this.#accepting.get(key)) await other;
    const accepting = this.#accept(given).finally(() => this.#accepting.delete(key));
    const ended = accepting.then(
      () => undefined,
      () => undefined,
    );
    this.#accepting.set(key, ended);
    return await accepting;
  }

  async #accept({ key, body, attachment: source }: Given<Body>): Promise<'accepted' | 'already'> {
    // Any other work with this key has ended by then.
    if (await this.#inTurn(() => this.#isKnown(key))) return 'already';
    const head = this.#newHead(key, this.#ports.clock.now());
    const size = encodeHead({ head, body, ending: null }).length;
    if (size > MAX_ENTRY_HEAD_BYTES) throw coded('SPOOL-TOO-LARGE', { key, bytes: size, limit: MAX_ENTRY_HEAD_BYTES });
    const room = this.#queue.reserve(key, size);
    const sequence = this.#queue.takeNumber();
    let attachment: Attachment | null = null;
    try {
      const path = this.#folder.path(sequence, 'attachment');
      const from = source && { source, admit: (bytes: number) => room.add(bytes) };
      if (from !== undefined) attachment = await stageAttachment(this.#ports.files, path, from);
      await this.#inTurn(async () => {
        await this.#put(sequence, { head: { ...head, attachment }, body, ending: null });
        room.release();
      });
      return 'accepted';
    } catch (thrown) {
      room.release();
      // It was not accepted, so it must not be loaded at the next start.
      await this.#folder.remove(sequence, { attachment }).catch(tolerate);
      throw thrown;
    }
  }

  due(nowMs: number): readonly EntryHead[] {
    return this.#queue
      .due(nowMs)
      .filter(({ ending }) => ending === null)
      .map(({ head }) => head);
  }

  read(head: EntryHead): Promise<SpoolEntry<Body> | null> {
    return this.#withWaiting(head, null, async (waiting) => {
      const read = await this.#folder.read(waiting.sequence);
      if (read.kind === 'closed') return this.#putOff(waiting, read.error);
      const reason = read.kind === 'record' ? checkBody(this.kind, head.kind, read.record.body) : null;
      if (read.kind === 'record' && reason === null) {
        return { ...waiting.head, body: this.kind.body.parse(read.record.body) };
      }
      const problem: EntryProblem = read.kind === 'unusable' ? read.problem : { kind: 'damaged', reason: reason ?? '' };
      return await this.#setAside(waiting, problem);
    });
  }

  attachment({ key }: EntryHead): AttachmentBody | null {
    const waiting = this.#queue.get(key);
    if (waiting?.head.attachment == null) return null;
    const path = this.#folder.path(waiting.sequence, 'attachment');
    return attachmentBody(this.#ports.files, path, waiting.head.attachment);
  }

  async verify({ key }: EntryHead, signal: AbortSignal): Promise<boolean> {
    const waiting = this.#queue.get(key);
    const attachment = waiting?.head.attachment;
    if (waiting === undefined || attachment == null) return waiting !== undefined;
    const path = this.#folder.path(waiting.sequence, 'attachment');
    try {
      const reason = await checkAttachment(this.#ports.files, path, { attachment, signal });
      if (reason === null) return true;
      await this.#inTurn(() => this.#setAside(waiting, { kind: 'damaged', reason }));
    } catch (thrown) {
      if (signal.aborted) throw thrown;
      tolerate(thrown);
      this.#putOff(waiting, asCoded(thrown));
    }
    return false;
  }

  nextDueAt(): number | null {
    return this.#queue.nextDueAt();
  }

  waitMs(): number | null {
    return this.#queue.waitMs();
  }

  lastFailure(): { atMs: number; code: string } | null {
    return this.#queue.lastFailure();
  }

  hold(ms: number): void {
    this.#queue.hold(ms);
  }

  onPlan(listener: () => void): void {
    this.#queue.onPlan(listener);
  }

  postpone(head: EntryHead, until: { notBefore: number; error: string }): Promise<void> {
    return this.#withWaiting(head, undefined, async (waiting) => {
      const postponed = { atMs: this.#ports.clock.now(), untilMs: until.notBefore, error: until.error };
      // In memory first: the next attempt also waits when the disk is full.
      const later = this.#queue.change(waiting, { attempts: waiting.head.attempts + 1, postponed });
      await this.#rewrite(later, null);
    });
  }

  settle(head: EntryHead): Promise<void> {
    return this.#withWaiting(head, undefined, (waiting) => this.#settle(waiting));
  }

  reject(head: EntryHead, reason: string): Promise<void> {
    return this.#end(head, { does: 'reject', reason });
  }

  split(head: EntryHead, parts: readonly SplitPart<Body>[]): Promise<void> {
    const keys = parts.map(({ key }) => key);
    const isUsable = parts.length > 1 && keys.every((key) => isKey(key) && key !== head.key);
    if (!isUsable || new Set(keys).size < keys.length || head.attachment !== null) {
      throw new TypeError(`${head.key} cannot be split into ${JSON.stringify(keys)}`);
    }
    return this.#end(head, { does: 'split', parts });
  }

  async finish(): Promise<void> {
    const failures = await this.#inTurn(async () => {
      const found: unknown[] = [];
      for (const waiting of this.#queue.due(this.#ports.clock.now())) {
        if (waiting.ending !== null) await this.#carryOut(waiting).catch((thrown: unknown) => found.push(thrown));
      }
      return found;
    });
    if (failures.length > 0) throw failures[0];
  }

  delivering<T>(work: () => Promise<T>): Promise<T> {
    return this.#deliveries.run(work);
  }

  // The operations below run one at a time.

  #isKnown(key: string): Promise<boolean> {
    return Promise.resolve(this.#queue.get(key) !== undefined || this.#settled.has(key));
  }

  /** One durable write decides; what follows can be repeated after a crash. */
  #end(head: EntryHead, ending: Ending): Promise<void> {
    return this.#withWaiting(head, undefined, async (waiting) => {
      await this.#rewrite(waiting, ending);
      await this.#carryOut(this.#queue.end(waiting, ending.does));
    });
  }

  async #carryOut(waiting: QueuedEntry): Promise<void> {
    try {
      await (waiting.ending === 'reject' ? this.#carryOutReject(waiting) : this.#carryOutSplit(waiting));
    } catch (thrown) {
      this.#queue.defer(waiting, asCoded(thrown));
      throw thrown;
    }
  }

  async #carryOutReject(waiting: QueuedEntry): Promise<void> {
    await this.#settled.add([waiting.head.key]);
    await this.#clearBuried();
    await this.#folder.reject(waiting.sequence);
    this.#queue.forget(waiting);
  }

  async #carryOutSplit(waiting: QueuedEntry): Promise<void> {
    const { ending } = await this.#record(waiting.sequence);
    for (const { key, body } of ending?.does === 'split' ? ending.parts : []) {
      if (await this.#isKnown(key)) continue;
      const head = this.#newHead(key, waiting.head.acceptedAtMs);
      await this.#put(this.#queue.takeNumber(), { head, body, ending: null });
    }
    await this.#settle(waiting);
  }

  /** The key first, then the entry. If there is no space for the key, the renamed head file keeps it. */
  async #settle(waiting: QueuedEntry): Promise<void> {
    const { sequence, head } = waiting;
    try {
      await this.#settled.add([head.key]);
    } catch (thrown) {
      if (asCoded(thrown).code !== 'DISK-FULL') throw thrown;
      await this.#folder.bury(sequence);
      this.#settled.remember([head.key]);
      this.#buried = [...this.#buried, sequence];
      this.#queue.forget(waiting);
      return await this.#folder.remove(sequence, head);
    }
    this.#queue.forget(waiting);
    await this.#folder.remove(sequence, head);
    await this.#clearBuried();
  }

  async #clearBuried(): Promise<void> {
    if (this.#buried.length === 0) return;
    await this.#folder.clearBuried(this.#buried);
    this.#buried = [];
  }

  async #put(sequence: number, record: HeadRecord): Promise<void> {
    const bytes = await this.#folder.write(sequence, record);
    this.#queue.keep(toQueuedEntry({ sequence, record, bytes }));
  }

  /** Writes the changed fields of a head; its body comes from the disk. */
  async #rewrite({ sequence, head }: QueuedEntry, ending: Ending | null): Promise<void> {
    const { body } = await this.#record(sequence);
    await this.#folder.write(sequence, { head, body, ending });
  }

  /** @throws CodedError FILE-* */
  async #record(sequence: number): Promise<HeadRecord> {
    const read = await this.#folder.read(sequence);
    if (read.kind === 'record') return read.record;
    if (read.kind === 'closed') throw read.error;
    const path = this.#folder.path(sequence, 'json');
    throw coded('FILE-FAILED', { operation: 'read', path, reason: 'it is no longer the head of an entry' });
  }

  async #setAside(waiting: QueuedEntry, problem: EntryProblem): Promise<null> {
    try {
      const error = await this.#folder.setAside(waiting.sequence, problem);
      this.#queue.forget(waiting);
      this.#ports.report(this.kind.setAside(error));
      return null;
    } catch (thrown) {
      tolerate(thrown);
      return this.#putOff(waiting, asCoded(thrown));
    }
  }

  /**
   * If the file is missing, another program removed it and there is nothing left to send. Any other error may pass.
   */
  #putOff(waiting: QueuedEntry, error: CodedError): null {
    this.#ports.report(this.kind.setAside(error));
    if (error.facts['errno'] === 'ENOENT') this.#queue.forget(waiting);
    else this.#queue.defer(waiting, error);
    return null;
  }

  #newHead(key: string, acceptedAtMs: number): EntryHead {
    return { key, kind: this.kind.name, acceptedAtMs, attempts: 0, postponed: null, attachment: null };
  }

  /** Works on an entry that still waits to be sent; any other has ended meanwhile. */
  #withWaiting<T>(head: EntryHead, otherwise: T, act: (waiting: QueuedEntry) => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      const waiting = this.#queue.get(head.key);
      return waiting === undefined || waiting.ending !== null ? otherwise : await act(waiting);
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    return this.#turns.run(act);
  }
}

/** An expected failure of the cleanup is repeated at the next start; any other error is a bug. */
function tolerate(thrown: unknown): void {
  if (!(thrown instanceof CodedError)) throw thrown;
}
