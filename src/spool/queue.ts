// The waiting entries of one spool, in memory: heads without bodies, the free quota, and the time when the next entry
// is due. It does not access the disk.
//
// The time of an entry's next attempt is wall time, because it is also on disk. `hold` uses the monotonic clock, so a
// step of the wall clock cannot delay the entries for years.

import { type CodedError, coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';
import { dueAt, type Ending, type EntryHead, type HeadRecord } from './entry.ts';
import type { ContentSize, Quota, SpoolKind } from './kind.ts';

/** An entry that cannot be processed now (a full disk, a bad block) is tried again after this. */
const DEFER_MS = 60_000;

/** An entry in memory. */
export interface QueuedEntry {
  readonly sequence: number;
  readonly head: EntryHead;
  /** Of its head and attachment. */
  readonly bytes: number;
  /** Of the content that its body refers to; null if its kind has none. */
  readonly content: ContentSize | null;
  /** Set once it no longer waits to be sent, but for this ending to be carried out. */
  readonly ending: Ending['does'] | null;
}

/** Makes the entry of a head's file with this number of bytes. */
export function toQueuedEntry<Body>(
  kind: SpoolKind<Body>,
  found: { readonly sequence: number; readonly record: HeadRecord; readonly bytes: number },
): QueuedEntry {
  const { head, body, ending } = found.record;
  const bytes = found.bytes + (head.attachment?.length ?? 0);
  const content = kind.content?.measure(kind.body.parse(body)) ?? null;
  return { sequence: found.sequence, head, bytes, content, ending: ending?.does ?? null };
}

/** Quota reserved for an entry that is being accepted. */
export interface Reservation {
  /** @throws CodedError SPOOL-FULL */
  add(bytes: number): void;
  /** Harmless when repeated. */
  release(): void;
}

/** The parameters of a queue. */
export interface QueueOptions {
  readonly clock: Clock;
  readonly quota: Quota;
  /** Named in the failure. */
  readonly dir: string;
  readonly nextSequence: number;
  /** Order of delivery, if it is not the order of acceptance. */
  readonly compare?: SpoolKind<unknown>['compare'];
}

/** The entries of one spool. */
export class Queue {
  readonly #options: QueueOptions;
  readonly #waiting = new Map<string, QueuedEntry>();
  /** Quota of entries that are being accepted and may still be refused. */
  readonly #reserved = { entries: 0, bytes: 0 };
  readonly #content = { bytes: 0, items: 0 };
  #bytes = 0;
  #nextSequence: number;
  #heldUntil = Number.NEGATIVE_INFINITY;
  #onPlan: (() => void) | null = null;

  constructor(options: QueueOptions) {
    this.#options = options;
    this.#nextSequence = options.nextSequence;
  }

  get size(): number {
    return this.#waiting.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Of all entries together. */
  get content(): ContentSize {
    return { ...this.#content };
  }

  /** Every entry, in order of delivery. */
  get all(): readonly QueuedEntry[] {
    const { compare } = this.#options;
    return [...this.#waiting.values()].sort((a, b) => compare?.(a.head, b.head) || a.sequence - b.sequence);
  }

  /** Whether there is an entry whose key passes the test. */
  some(test: (key: string) => boolean): boolean {
    return this.#waiting.keys().some(test);
  }

  get(key: string): QueuedEntry | undefined {
    return this.#waiting.get(key);
  }

  keep(waiting: QueuedEntry): void {
    this.#waiting.set(waiting.head.key, waiting);
    this.#count(waiting, 1);
  }

  forget(waiting: QueuedEntry): void {
    if (this.#waiting.delete(waiting.head.key)) this.#count(waiting, -1);
  }

  #count({ bytes, content }: QueuedEntry, times: 1 | -1): void {
    this.#bytes += times * bytes;
    this.#content.bytes += times * (content?.bytes ?? 0);
    this.#content.items += times * (content?.items ?? 0);
  }

  change(waiting: QueuedEntry, change: Partial<EntryHead>): QueuedEntry {
    const changed = { ...waiting, head: { ...waiting.head, ...change } };
    this.#waiting.set(waiting.head.key, changed);
    this.#onPlan?.();
    return changed;
  }

  end(waiting: QueuedEntry, ending: Ending['does']): QueuedEntry {
    const ended = { ...waiting, ending };
    this.#waiting.set(waiting.head.key, ended);
    return ended;
  }

  /** In memory only: nothing is lost if the process ends meanwhile. */
  defer(waiting: QueuedEntry, { code }: CodedError): void {
    const atMs = this.#options.clock.now();
    this.change(waiting, { postponed: { atMs, untilMs: atMs + DEFER_MS, error: code } });
  }

  /** Due at this wall time, in order of delivery. */
  due(nowMs: number): readonly QueuedEntry[] {
    return this.all.filter(({ head }) => dueAt(head, nowMs) === null);
  }

  /** Null when no entry waits, or all are held. */
  nextDueAt(): number | null {
    const now = this.#options.clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const { head } of this.#waiting.values()) next = Math.min(next, dueAt(head, now) ?? now);
    return next === Number.POSITIVE_INFINITY ? null : next;
  }

  /** When the oldest entry was accepted, in ms since the epoch; null when there is none. */
  oldestAt(): number | null {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { head } of this.#waiting.values()) oldest = Math.min(oldest, head.acceptedAtMs);
    return oldest === Number.POSITIVE_INFINITY ? null : oldest;
  }

  /** How long the whole kind still waits, in ms. */
  heldForMs(): number {
    return Math.max(0, this.#heldUntil - this.#options.clock.monotonic());
  }

  waitMs(): number | null {
    const { clock } = this.#options;
    const at = this.nextDueAt();
    return at === null ? null : Math.max(0, at - clock.now(), this.heldForMs());
  }

  lastFailure(): { atMs: number; code: string } | null {
    const failed = [...this.#waiting.values()].flatMap(({ head: { postponed } }) => postponed ?? []);
    const last = failed.toSorted((a, b) => a.atMs - b.atMs).at(-1);
    return last === undefined ? null : { atMs: last.atMs, code: last.error };
  }

  hold(ms: number): void {
    this.#heldUntil = this.#options.clock.monotonic() + ms;
    this.#onPlan?.();
  }

  onPlan(listener: () => void): void {
    this.#onPlan = listener;
  }

  takeNumber(): number {
    this.#nextSequence += 1;
    return this.#nextSequence - 1;
  }

  /** Reserves quota for a new entry with a head of this number of bytes. @throws CodedError SPOOL-FULL */
  reserve(key: string, headBytes: number): Reservation {
    const { quota, dir } = this.#options;
    const taken = this.#reserved;
    let mine = { entries: 0, bytes: 0 };
    const refuse = () => {
      const [count, bytes] = [this.size + taken.entries - mine.entries, this.#bytes + taken.bytes - mine.bytes];
      return coded('SPOOL-FULL', { dir, count, entries: quota.entries, bytes, limit: quota.bytes, key });
    };
    const take = (entries: number, bytes: number) => {
      if (this.#bytes + taken.bytes + bytes > quota.bytes) throw refuse();
      mine = { entries: mine.entries + entries, bytes: mine.bytes + bytes };
      taken.entries += entries;
      taken.bytes += bytes;
    };
    if (this.size + taken.entries >= quota.entries) throw refuse();
    take(1, headBytes);
    return {
      add: (bytes) => take(0, bytes),
      release: () => {
        taken.entries -= mine.entries;
        taken.bytes -= mine.bytes;
        mine = { entries: 0, bytes: 0 };
      },
    };
  }
}
