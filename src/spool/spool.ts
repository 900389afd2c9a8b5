// The durable queue for one kind of data: an accepted entry stays on disk until the server has it (principle 3).
//
// Invariants:
// 1. An entry for which `accept` returned is on disk and due repeatedly until it is settled, rejected or split.
// 2. A settled key among the newest 10,000 is never accepted or sent again: it is durable before the entry is removed.
// 3. A full spool refuses new entries and removes none. Settling needs no space.
// 4. An unreadable file is set aside and reported; it never stops the rest.
// 5. No step of the wall clock keeps an entry longer than the longest postponement.

import type { Report } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import type { AttachmentBody, AttachmentSource } from './attachment.ts';
import type { Ballast } from './ballast.ts';
import type { EntryHead, SplitPart, SpoolEntry } from './entry.ts';
import type { ContentSize, SpoolKind } from './kind.ts';
import type { RejectedEntry } from './rejected.ts';

export type { AttachmentBody, AttachmentSource } from './attachment.ts';
export type { EntryHead, SplitPart, SpoolEntry } from './entry.ts';
export type { SpoolKind } from './kind.ts';

/** The dependencies of a spool. */
export interface SpoolPorts {
  readonly files: Files;
  /** The folder of all kinds; each has its own folder in it. */
  readonly outbox: string;
  /** The folder of version 0.1.0 whose entries are moved here, if there is one. */
  readonly formerDir?: string;
  readonly clock: Clock;
  readonly report: Report;
  /** Space for the state of accepted entries when the disk is full. */
  readonly ballast?: Ballast;
}

/** The entry to send. */
export interface NewEntry<Body> {
  /** Identifies the content: the same key is never accepted twice. */
  readonly key: string;
  readonly body: Body;
  readonly attachment?: AttachmentSource;
  /** When its content was received, in ms since the epoch; now by default. */
  readonly acceptedAtMs?: number;
  /** True for content that was accepted before, so that the entry may spend the ballast on a full disk. */
  readonly isOwed?: boolean;
}

/** An entry of the queue, for people. */
export interface ListedEntry {
  readonly head: EntryHead;
  /** Of its head and attachment. */
  readonly bytes: number;
  /** Of the content that its body refers to; null if its kind has none. */
  readonly content: ContentSize | null;
  /** Its end is decided, but could not be carried out yet. */
  readonly isEnding: boolean;
}

/**
 * The state of an entry that was compared with its digest. damaged: it is set aside, or missing, and reported;
 * unreadable: it cannot be read now and stays; gone: it ended meanwhile.
 */
export type CheckedState = 'intact' | 'damaged' | 'unreadable' | 'gone';

/** The spool of one kind. Its operations run one after the other; only attachments are streamed in concurrently. */
export interface Spool<Body> {
  readonly kind: SpoolKind<Body>;
  /** Entries that wait. */
  readonly size: number;
  /** Bytes of their heads and attachments. */
  readonly bytes: number;
  /** Of the content that bodies refer to, of all waiting entries together. */
  readonly content: ContentSize;
  /** Entries in `rejected/`. */
  readonly rejected: number;
  /** Entries in `quarantine/`. */
  readonly quarantined: number;
  /** Durable on return. `already`: this key waits or was settled. @throws CodedError SPOOL-FULL, SPOOL-TOO-LARGE, DISK-FULL, FILE-*, and what the source throws */
  accept(given: NewEntry<Body>): Promise<'accepted' | 'already'>;
  /** Heads of due entries, in order of delivery. */
  due(nowMs: number): readonly EntryHead[];
  /** The entry with its body; null when it is gone, or was just set aside and reported. */
  read(head: EntryHead): Promise<SpoolEntry<Body> | null>;
  /** Its attachment. `verify` compares it with its digest; this does not. */
  attachment(head: EntryHead): AttachmentBody | null;
  /** Compares the attachment or the content with its digest. False: it was changed, and is now set aside and reported. */
  verify(head: EntryHead, signal: AbortSignal): Promise<boolean>;
  /** The same, and reads its head. Rejects only with the reason of the signal. */
  check(head: EntryHead, signal: AbortSignal): Promise<CheckedState>;
  /** Wall time when the next entry is due; null when none waits, or all are held. */
  nextDueAt(): number | null;
  /** How long until a delivery has work, also after a step of the wall clock; null when no entry waits, or all are held. */
  waitMs(): number | null;
  /** Wall time when the oldest waiting entry was accepted; null when none waits. */
  oldestAt(): number | null;
  /** The last failed attempt of the entries that still wait; null when there is none. */
  lastFailure(): { readonly atMs: number; readonly code: string } | null;
  /** Counts a failed attempt and waits. Effective at once; if it cannot be written, the error says so. */
  postpone(head: EntryHead, until: { readonly notBefore: number; readonly error: string }): Promise<void>;
  /** Counts a failed attempt. The entry is not due again until `retry`, also after a restart. */
  keepHeld(head: EntryHead, error: string): Promise<void>;
  /** Makes an entry due now, and ends the delay of the kind. False: it has ended. */
  retry(head: EntryHead): Promise<boolean>;
  /** Delays the whole kind for this time, on the monotonic clock; 0 ends the delay. */
  hold(ms: number): void;
  /** What is left of that delay, in ms. */
  heldForMs(): number;
  /** Done: never sent and never accepted again. After an error it is sent again, unless its key was kept. */
  settle(head: EntryHead): Promise<void>;
  /** Given up by the admin: never sent and never accepted again. Needs no space. False: it has ended already. */
  drop(head: EntryHead): Promise<boolean>;
  /**
   * Refused for good: kept in `rejected/` with the reason and the evidence, within the quota; never sent and never
   * accepted again. The evidence becomes the attachment of an entry that has none.
   */
  reject(head: EntryHead, reason: string, evidence?: AttachmentSource): Promise<void>;
  /** Replaces an entry without attachment by others, by one durable write. They are due at once. */
  split(head: EntryHead, parts: readonly SplitPart<Body>[]): Promise<void>;
  /**
   * Finishes work that a crash or a full disk interrupted.
   * @throws CodedError the first failure; the rest was tried
   */
  finish(): Promise<void>;
  /** Called whenever a failed attempt may have shortened `waitMs`. */
  onPlan(listener: () => void): void;
  /** One delivery at a time; the next one starts when the previous one has ended. */
  delivering<T>(work: () => Promise<T>): Promise<T>;
  /** Every waiting entry, in order of delivery. */
  list(): readonly ListedEntry[];
  /** The head of one entry; null when it does not wait. */
  find(key: string): EntryHead | null;
  /** Whether an entry waits whose key passes the test. */
  some(test: (key: string) => boolean): boolean;
  /** Entries in `rejected/`, oldest first. Reads each head. */
  listRejected(): Promise<readonly RejectedEntry<Body>[]>;
}
