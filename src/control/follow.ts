// The messages for a caller that follows the log. Lines are numbered from the start of the daemon, so a caller that
// lost its connection can continue after its last line. Progress events have no number and are not kept.

import { z } from 'zod';

const runSchema = z.string().max(64);

export const followRequestSchema = z.object({
  /** The last line that the caller has; null for new lines only. */
  after: z.object({ run: runSchema, number: z.int().min(0) }).nullable(),
});
export type FollowRequest = z.infer<typeof followRequestSchema>;

export const followedSchema = z.discriminatedUnion('kind', [
  /** Sent first. */
  z.object({
    kind: z.literal('start'),
    /** Changes at each start of the daemon; the numbers then start over. */
    run: runSchema,
    /** The number of the newest line; 0 before the first. */
    newest: z.number(),
    /** The number of requested lines that are no longer kept. */
    missed: z.number(),
  }),
  z.object({
    kind: z.literal('line'),
    number: z.number(),
    at: z.string(),
    level: z.string(),
    thread: z.string(),
    /** The name of the event. */
    event: z.string(),
    message: z.string(),
  }),
  z.object({ kind: z.literal('progress'), id: z.string(), received: z.number(), length: z.number() }),
]);
export type Followed = z.infer<typeof followedSchema>;
