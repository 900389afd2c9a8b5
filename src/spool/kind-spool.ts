// Implements `Spool`: all operations on the queue of one kind of data, run one at a time.
//
// An entry is accepted by writing its attachment and then its head. `endings.ts` ends entries, and `folder.ts` has the
// single steps on disk. A crash leaves the state from before the write that decides an operation, or a record of the
// operation. `finish` then carries it out.

import { asCoded, CodedError, coded } from '#errors/coded-error.ts';
import { SharedTurns, Turns } from '#system/turns.ts';
import {
  type AttachmentBody,
  type AttachmentSource,
  attachmentBody,
  checkAttachment,
  stageAttachment,
} from './attachment.ts';
import { Endings } from './endings.ts';
import {
  type Attachment,
  type Ending,
  type EntryHead,
  encodeHead,
  isKey,
  MAX_ENTRY_HEAD_BYTES,
  type SplitPart,
  type SpoolEntry,
} from './entry.ts';
import type { KindFolder } from './folder.ts';
import { Heads } from './heads.ts';
import type { ContentSize, SpoolKind } from './kind.ts';
import { checkBody } from './load.ts';
import type { EntryProblem } from './quarantine.ts';
import type { Queue, QueuedEntry } from './queue.ts';
import { type RejectedEntry, readRejected } from './rejected.ts';
import type { SettledKeys } from './settled-keys.ts';
import type { CheckedState, ListedEntry, NewEntry, Spool, SpoolPorts } from './spool.ts';

/** The opened parts. */
export interface Opened<Body> {
  readonly kind: SpoolKind<Body>;
  readonly folder: KindFolder;
  readonly settled: SettledKeys;
  readonly queue: Queue;
  readonly unlisted: readonly number[];
}

/** The spool of one kind over its folder. */
export class KindSpool<Body> implements Spool<Body> {
  readonly kind: SpoolKind<Body>;
  readonly #ports: SpoolPorts;
  readonly #folder: KindFolder;
  readonly #queue: Queue;
  readonly #heads: Heads<Body>;
  readonly #endings: Endings<Body>;
  /** Keys that are being accepted, until the result is known. */
  readonly #accepting = new Map<string, Promise<void>>();
  /** Keys of entries to settle, which share one sync. */
  readonly #settling = new Set<string>();
  readonly #settles = new SharedTurns();
  readonly #turns = new Turns();
  readonly #deliveries = new Turns();

  constructor(ports: SpoolPorts, opened: Opened<Body>) {
    this.kind = opened.kind;
    this.#ports = ports;
    this.#folder = opened.folder;
    this.#queue = opened.queue;
    this.#heads = new Heads(opened, ports.ballast);
    this.#endings = new Endings({ ...opened, heads: this.#heads, report: ports.report });
  }

  get size(): number {
    return this.#queue.size;
  }

  get bytes(): number {
    return this.#queue.bytes;
  }

  get content(): ContentSize {
    return this.#queue.content;
  }

  get rejected(): number {
    return this.#folder.rejected.size;
  }

  get quarantined(): number {
    return this.#folder.quarantine.size;
  }

  async accept(given: NewEntry<Body>): Promise<'accepted' | 'already'> {
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

  async #accept({
    key,
    body,
    attachment: source,
    acceptedAtMs,
    isOwed = false,
  }: NewEntry<Body>): Promise<'accepted' | 'already'> {
    // Any other work with this key has ended by then.
    if (await this.#inTurn(async () => this.#endings.isKnown(key))) return 'already';
    const head = this.#heads.create(key, acceptedAtMs ?? this.#ports.clock.now());
    const size = encodeHead({ head, body, ending: null }).length;
    if (size > MAX_ENTRY_HEAD_BYTES) throw coded('SPOOL-TOO-LARGE', { key, bytes: size, limit: MAX_ENTRY_HEAD_BYTES });
    const reservation = this.#queue.reserve(key, size);
    const sequence = this.#queue.takeNumber();
    let attachment: Attachment | null = null;
    try {
      const path = this.#folder.path(sequence, 'attachment');
      const from = source && { source, admit: (bytes: number) => reservation.add(bytes) };
      if (from !== undefined) attachment = await stageAttachment(this.#ports.files, path, from);
      const put = () => this.#heads.put(sequence, { head: { ...head, attachment }, body, ending: null });
      // No other operation knows the new entry, so several can be written at the same time. The ballast is spent by one.
      await (isOwed ? this.#inTurn(() => this.#heads.spend(put)) : put());
      reservation.release();
      return 'accepted';
    } catch (thrown) {
      reservation.release();
      // It was not accepted, so it must not be loaded at the next start.
      await this.#folder.remove([{ sequence, head: { attachment } }]).catch(tolerate);
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
    return this.#withWaiting(head, null, (waiting) => this.#readHead(waiting));
  }

  async #readHead(waiting: QueuedEntry): Promise<SpoolEntry<Body> | null> {
    const { head } = waiting;
    const read = await this.#folder.read(waiting.sequence);
    if (read.kind === 'closed') return this.#endings.putOff(waiting, read.error);
    const reason = read.kind === 'record' ? checkBody(this.kind, head.kind, read.record.body) : null;
    if (read.kind === 'record' && reason === null) return { ...head, body: this.kind.body.parse(read.record.body) };
    const problem: EntryProblem = read.kind === 'unusable' ? read.problem : { kind: 'damaged', reason: reason ?? '' };
    return await this.#endings.setAside(waiting, problem);
  }

  attachment({ key }: EntryHead): AttachmentBody | null {
    const waiting = this.#queue.get(key);
    if (waiting?.head.attachment == null) return null;
    const path = this.#folder.path(waiting.sequence, 'attachment');
    return attachmentBody(this.#ports.files, path, waiting.head.attachment);
  }

  async verify(head: EntryHead, signal: AbortSignal): Promise<boolean> {
    return (await this.#compare(head, signal)) === 'intact';
  }

  async check(head: EntryHead, signal: AbortSignal): Promise<CheckedState> {
    const compared = await this.#compare(head, signal);
    if (compared !== 'intact') return compared;
    return await this.#withWaiting(head, 'gone', async (waiting) =>
      (await this.#readHead(waiting)) === null ? this.#afterProblem(head) : 'intact',
    );
  }

  async #compare({ key }: EntryHead, signal: AbortSignal): Promise<CheckedState> {
    const waiting = this.#queue.get(key);
    if (waiting === undefined) return 'gone';
    const act = async (): Promise<string | CodedError | null> => {
      try {
        return await this.#checkContent(waiting, signal);
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        tolerate(thrown);
        return asCoded(thrown);
      }
    };
    const problem = await act();
    if (problem === null) return 'intact';
    // It may have been sent while it was read.
    return await this.#withWaiting(waiting.head, 'gone', async (still) => {
      if (problem instanceof CodedError) this.#endings.putOff(still, problem);
      else await this.#endings.setAside(still, { kind: 'damaged', reason: problem });
      return this.#afterProblem(still.head);
    });
  }

  #afterProblem({ key }: EntryHead): CheckedState {
    return this.#queue.get(key) === undefined ? 'damaged' : 'unreadable';
  }

  /** Why the content is not the accepted one; null when it is, or when the head alone shows that later. */
  async #checkContent({ sequence, head }: QueuedEntry, signal: AbortSignal): Promise<string | null> {
    const { attachment } = head;
    const path = this.#folder.path(sequence, 'attachment');
    if (attachment !== null) return await checkAttachment(this.#ports.files, path, { attachment, signal });
    if (this.kind.content === undefined) return null;
    const read = await this.#folder.read(sequence);
    if (read.kind === 'closed') throw read.error;
    if (read.kind !== 'record' || checkBody(this.kind, head.kind, read.record.body) !== null) return null;
    return await this.kind.content.check(this.kind.body.parse(read.record.body), signal);
  }

  nextDueAt(): number | null {
    return this.#queue.nextDueAt();
  }

  oldestAt(): number | null {
    return this.#queue.oldestAt();
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

  heldForMs(): number {
    return this.#queue.heldForMs();
  }

  onPlan(listener: () => void): void {
    this.#queue.onPlan(listener);
  }

  postpone(head: EntryHead, until: { notBefore: number; error: string }): Promise<void> {
    return this.#withWaiting(head, undefined, (waiting) => {
      const postponed = { atMs: this.#ports.clock.now(), untilMs: until.notBefore, error: until.error };
      return this.#change(waiting, { attempts: waiting.head.attempts + 1, postponed });
    });
  }

  keepHeld(head: EntryHead, error: string): Promise<void> {
    return this.#withWaiting(head, undefined, (waiting) => {
      const atMs = this.#ports.clock.now();
      const postponed = { atMs, untilMs: atMs, error };
      return this.#change(waiting, { attempts: waiting.head.attempts + 1, postponed, held: true });
    });
  }

  retry(head: EntryHead): Promise<boolean> {
    return this.#withWaiting(head, false, async (waiting) => {
      this.#queue.hold(0);
      const { postponed, held } = waiting.head;
      if (postponed !== null || held) await this.#change(waiting, { postponed: null, held: false });
      return true;
    });
  }

  settle(head: EntryHead): Promise<void> {
    this.#settling.add(head.key);
    return this.#settles.run(() => this.#inTurn(() => this.#settleAll()));
  }

  drop(head: EntryHead): Promise<boolean> {
    return this.#withWaiting(head, false, async (waiting) => {
      await this.#endings.settle([waiting]);
      return true;
    });
  }

  reject(head: EntryHead, reason: string, evidence?: AttachmentSource): Promise<void> {
    return this.#withWaiting(head, undefined, async (waiting) => {
      let ended = waiting;
      if (evidence !== undefined) {
        if (waiting.head.attachment !== null) throw new TypeError(`${head.key} has an attachment, which is kept`);
        const path = this.#folder.path(waiting.sequence, 'attachment');
        const attachment = await stageAttachment(this.#ports.files, path, { source: evidence, admit: () => undefined });
        ended = { ...waiting, head: { ...waiting.head, attachment } };
      }
      await this.#endings.end(ended, { does: 'reject', reason });
    });
  }

  split(head: EntryHead, parts: readonly SplitPart<Body>[]): Promise<void> {
    const keys = parts.map(({ key }) => key);
    const isUsable = parts.length > 1 && keys.every((key) => isKey(key) && key !== head.key);
    if (!isUsable || new Set(keys).size < keys.length || head.attachment !== null) {
      throw new TypeError(`${head.key} cannot be split into ${JSON.stringify(keys)}`);
    }
    const ending: Ending = { does: 'split', parts };
    return this.#withWaiting(head, undefined, (waiting) => this.#endings.end(waiting, ending));
  }

  async finish(): Promise<void> {
    const failures = await this.#inTurn(async () => {
      const found: unknown[] = [];
      for (const waiting of this.#queue.due(this.#ports.clock.now())) {
        if (waiting.ending === null) continue;
        await this.#endings.carryOut(waiting).catch((thrown: unknown) => found.push(thrown));
      }
      return found;
    });
    if (failures.length > 0) throw failures[0];
  }

  delivering<T>(work: () => Promise<T>): Promise<T> {
    return this.#deliveries.run(work);
  }

  list(): readonly ListedEntry[] {
    return this.#queue.all.map(({ head, bytes, content, ending }) => ({
      head,
      bytes,
      content,
      isEnding: ending !== null,
    }));
  }

  find(key: string): EntryHead | null {
    return this.#queue.get(key)?.head ?? null;
  }

  some(test: (key: string) => boolean): boolean {
    return this.#queue.some(test);
  }

  listRejected(): Promise<readonly RejectedEntry<Body>[]> {
    return readRejected(this.kind, this.#folder);
  }

  // The operations below run one at a time.

  async #settleAll(): Promise<void> {
    const keys = [...this.#settling];
    this.#settling.clear();
    const all = keys.flatMap((key) => this.#queue.get(key) ?? []);
    await this.#endings.settle(all.filter(({ ending }) => ending === null));
  }

  /** In memory first: it also takes effect when the disk is full. */
  async #change(waiting: QueuedEntry, change: Partial<EntryHead>): Promise<void> {
    await this.#heads.rewrite(this.#queue.change(waiting, change), null);
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
