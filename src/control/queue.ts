// The requests of `sallyport queue`, which show and change the entries that are waiting to be sent. A response has the
// size and digest of an entry and the ids of its documents, but never its content.

import { z } from 'zod';
import { answer, field, whole, work } from './verb.ts';

/** The kinds of entries: names of folders in `outbox/`. */
const kindNameSchema = z.string().max(64);
const idSchema = z.string().max(128);

/** Maximum number of entries of each list in an answer. The others are only counted. */
export const MAX_LISTED = 1_000;

const sizeSchema = z.object({ bytes: z.number(), items: z.number() });
const lastFailureSchema = z.object({ at: z.string(), code: z.string() });

/** Times are RFC 3339. */
const queueEntrySchema = z.object({
  kind: z.string(),
  id: z.string(),
  /**
   * due: sent as soon as possible; waiting: until `next_try`; held: until `queue retry`; ending: sent or dropped, and
   * removed as soon as the disk allows it; rejected: refused by the server and never sent again.
   */
  state: z.enum(['due', 'waiting', 'held', 'ending', 'rejected']),
  accepted_at: z.string(),
  /** Attempts that failed. */
  attempts: z.number(),
  next_try: z.string().nullable(),
  last_failure: lastFailureSchema.nullable(),
  /** Of its files. */
  bytes: z.number(),
  /** The content that it refers to, for example a batch of documents; null if its files are all. */
  content: sizeSchema.nullable(),
});
export type QueueEntry = z.infer<typeof queueEntrySchema>;

const queueKindSchema = z.object({
  kind: z.string(),
  /** What its entries are. */
  title: z.string(),
  /** What `items` counts, such as `documents`. */
  unit: z.string(),
  waiting: sizeSchema,
  quota: sizeSchema,
  /** When the oldest of them was accepted. */
  oldest: z.string().nullable(),
  held: z.number(),
  rejected: z.number(),
  /** Damaged entries that were set aside. */
  quarantined: z.number(),
  entries: z.array(queueEntrySchema),
  /** Entries that `entries` leaves out. */
  omitted: z.number(),
});
export type QueueKindRow = z.infer<typeof queueKindSchema>;

export const queueSchema = z.object({ at: z.string(), kinds: z.array(queueKindSchema) });
export type QueueList = z.infer<typeof queueSchema>;

const queueDetailSchema = z.object({
  entry: queueEntrySchema,
  /**
   * The last failure in words, and where it failed. The message is null if this process did not make the attempt, and
   * `check` then has the general advice of the code, if there is one.
   */
  failure: z
    .object({ message: z.string().nullable(), hop: z.string().nullable(), check: z.string().nullable() })
    .nullable(),
  /** Why the server rejected it. */
  reason: z.string().nullable(),
  /** Digest (SHA-256) of what is sent, in hex; null if the server gets only the facts of the entry. */
  sha256: z.string().nullable(),
  /** The facts of the entry, without its content. */
  facts: z.record(z.string(), z.unknown()),
  /** The first documents of a batch, or the rejected ones with the reasons. */
  documents: z.array(z.object({ id: z.string(), reason: z.string().nullable() })),
});
export type QueueDetail = z.infer<typeof queueDetailSchema>;

/** One entry. Without a kind, its id must occur in one kind only. */
const selectedSchema = z.object({ kind: kindNameSchema.nullable(), id: idSchema });
export type SelectedEntry = z.infer<typeof selectedSchema>;

/** One entry, all of a kind, or all. */
const retrySchema = z.object({ kind: kindNameSchema.nullable(), id: idSchema.nullable() });
export type RetrySelection = z.infer<typeof retrySchema>;

const retriedSchema = z.object({
  /** How many entries of each selected kind are due now. */
  retried: z.array(z.object({ kind: z.string(), entries: z.number() })),
  /** Whether a daemon sends them now; without one they are sent when it starts. */
  sending: z.boolean(),
});
export type Retried = z.infer<typeof retriedSchema>;

const checkedSchema = z.object({
  kind: z.string(),
  id: z.string(),
  /** damaged: it was set aside; unreadable: it could not be read now and stays. */
  outcome: z.enum(['intact', 'damaged', 'unreadable']),
});
export type CheckedEntry = z.infer<typeof checkedSchema>;

export const QUEUE_VERBS = {
  /** Every kind with its entries: the first 1,000 of those that wait, and the newest 1,000 rejected ones. */
  listQueue: answer({ path: '/v1/queue', needs: 'look', does: 'list the queue', result: queueSchema }),
  /** @throws CodedError QUEUE-UNKNOWN, QUEUE-AMBIGUOUS, FILE-* */
  showQueued: answer({
    path: '/v1/queue/show',
    needs: 'operate',
    does: 'show an entry of the queue',
    request: whole(selectedSchema),
    result: queueDetailSchema,
  }),
  /** Makes entries due now, also held ones. @throws CodedError QUEUE-UNKNOWN, QUEUE-AMBIGUOUS, QUEUE-REJECTED */
  retryQueued: answer({
    path: '/v1/queue/retry',
    needs: 'operate',
    does: 'send entries of the queue now',
    request: whole(retrySchema),
    result: retriedSchema,
  }),
  /** Removes an entry that is not sent yet. @throws CodedError QUEUE-UNKNOWN, QUEUE-AMBIGUOUS, QUEUE-REJECTED, FILE-* */
  dropQueued: answer({
    path: '/v1/queue/drop',
    needs: 'admin',
    does: 'drop an entry of the queue',
    request: whole(selectedSchema),
    result: queueEntrySchema,
  }),
  /** Reads every waiting entry and compares it with its digest. Damaged ones are set aside. */
  verifyQueue: work({
    path: '/v1/queue/verify',
    needs: 'operate',
    does: 'verify the queue',
    request: field('kind', kindNameSchema.nullable()),
    result: z.array(checkedSchema),
  }),
};
