// The durable way out for one kind: what was accepted for sending stays on disk until the far side has it (principle 6).
//
// Invariants: 1. What `accept` returned for is on disk and due again and again until it is settled, rejected or split.
// 2. A settled key is never accepted or sent again (of the newest 10,000): the key is durable before the entry goes.
// 3. A full spool refuses; nothing accepted makes room for anything. Settling needs no space. 4. What cannot be read is
// set aside and reported; it never stops the rest. 5. No step of the wall clock keeps an entry longer than a
// postponement may be long. `open.ts` opens a spool, `kind-spool.ts` does the work, `delivery.ts` sends.

import type { Report } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import type { AttachmentBody, AttachmentSource } from './attachment.ts';
import type { EntryHead, SplitPart, SpoolEntry } from './entry.ts';
import type { SpoolKind } from './kind.ts';

export type { AttachmentBody } from './attachment.ts';
export type { EntryHead, SplitPart, SpoolEntry } from './entry.ts';
export type { SpoolKind } from './kind.ts';

/** What a spool stands on. */
export interface SpoolPorts {
  readonly files: Files;
  /** The folder of all kinds; each has a folder of its own in it. */
  readonly outbox: string;
  /** A folder of 0.1.0 whose entries move over, if there is one. */
  readonly formerDir?: string;
  readonly clock: Clock;
  readonly report: Report;
}

/** What is to be sent. */
export interface Given<Body> {
  /** Names the thing itself: the same key is never accepted twice. */
  readonly key: string;
  readonly body: Body;
  readonly attachment?: AttachmentSource;
}

/** The spool of one kind. Its operations run one after the other; only attachments stream in beside them. */
export interface Spool<Body> {
  readonly kind: SpoolKind<Body>;
  /** Entries that wait. */
  readonly size: number;
  /** Bytes of their heads and attachments. */
  readonly bytes: number;
  /** Entries in `rejected/`. */
  readonly rejected: number;
  /** Durable on return. `already`: this key waits or was settled. @throws CodedError SPOOL-FULL, SPOOL-TOO-LARGE, DISK-FULL, FILE-*, and what the source throws */
  accept(given: Given<Body>): Promise<'accepted' | 'already'>;
  /** Heads of entries whose time has come, in order of acceptance. */
  due(nowMs: number): readonly EntryHead[];
  /** The entry with its body; null where it is gone, or was just set aside and reported. */
  read(head: EntryHead): Promise<SpoolEntry<Body> | null>;
  /** Its attachment. It is not compared with its digest here: see `verify`. */
  attachment(head: EntryHead): AttachmentBody | null;
  /** Compares the attachment with its digest. False: it was changed, and is now set aside and reported. */
  verify(head: EntryHead, signal: AbortSignal): Promise<boolean>;
  /** Wall time when the next entry is due; null when none waits. */
  nextDueAt(): number | null;
  /** How long until a delivery has something to do, also after a step of the wall clock; null when nothing waits. */
  waitMs(): number | null;
  /** The last attempt that failed, of what still waits; null when none has. */
  lastFailure(): { readonly atMs: number; readonly code: string } | null;
  /** Counts a failed attempt and waits. Effective at once; when it cannot be written, the error says so. */
  postpone(head: EntryHead, until: { readonly notBefore: number; readonly error: string }): Promise<void>;
  /** Holds up the whole kind for so long, on the monotonic clock; 0 releases it. */
  hold(ms: number): void;
  /** Done: never sent and never accepted again. On an error it is sent again, unless its key was kept. */
  settle(head: EntryHead): Promise<void>;
  /** Refused for good: kept in `rejected/` with the reason, within the quota; never sent and never accepted again. */
  reject(head: EntryHead, reason: string): Promise<void>;
  /** Replaces an entry without attachment by others, by one durable write. They are due at once. */
  split(head: EntryHead, parts: readonly SplitPart<Body>[]): Promise<void>;
  /** Carries out what a crash or a full disk interrupted. @throws CodedError the first failure; the rest was tried */
  finish(): Promise<void>;
  /** Called whenever `waitMs` may have become less by a failed attempt. */
  onPlan(listener: () => void): void;
  /** One delivery at a time; the next one begins when the earlier has ended. */
  delivering<T>(work: () => Promise<T>): Promise<T>;
}
