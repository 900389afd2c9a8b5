// What differs between the spools of receipts, batches and bundles (kinds of data): the name, the limits, how a body is
// read, and which events are reported.

import type { CodedError } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { EntryHead } from './entry.ts';

/** How much may wait at a time. A full spool refuses new entries and keeps the waiting ones. */
export interface Quota {
  readonly entries: number;
  /** Of heads and attachments together. */
  readonly bytes: number;
}

/** How much the content of entries is. */
export interface ContentSize {
  readonly bytes: number;
  /** The units that the kind counts, for example documents. */
  readonly items: number;
}

/** Content that the body of an entry refers to and that other code stores, for example a range of a file. */
interface KindContent<Body> {
  /** The size of the content of one entry. Pure. */
  measure(body: Body): ContentSize;
  /**
   * Why the content differs from what was accepted; null when it is intact.
   * @throws CodedError FILE-* when it cannot be read now
   */
  check(body: Body, signal: AbortSignal): Promise<string | null>;
  /**
   * Called when an entry has left the queue for good, so that its content can be deleted, or kept if the entry was set
   * aside. It must not wait for an operation of the same spool.
   */
  left(key: string, how: 'ended' | 'set-aside'): Promise<void>;
}

/** One kind of entry. Kinds share nothing: each has its own folder, quota, settled keys and delivery. */
export interface SpoolKind<Body> {
  /** Name of its folder in `outbox/`, and `kind` in each head. */
  readonly name: string;
  readonly quota: Quota;
  /** Limit of `rejected/` and of `quarantine/` each; that of the queue by default. */
  readonly asideQuota?: Quota;
  /** Order of delivery, as for `Array.sort`; the order of acceptance by default. */
  readonly compare?: (one: Pick<EntryHead, 'key'>, other: Pick<EntryHead, 'key'>) => number;
  /** Set for entries whose content is neither in the body nor in an attachment. */
  readonly content?: KindContent<Body>;
  /** Validates a body that was read back, for example a zod schema. Throws when it is invalid. */
  readonly body: { parse(raw: unknown): Body };
  /** The event that reports an entry that cannot be read or used. */
  setAside(error: CodedError): SallyportEvent;
}
