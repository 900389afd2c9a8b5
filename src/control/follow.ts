// The log as a caller follows it. Lines are numbered from the start of the daemon, so a caller who was cut off can continue
// after the last line that it has. Progress has no number and is not kept.

import { z } from 'zod';

const runSchema = z.string().max(64);

export const followRequestSchema = z.object({
  /** The last line that the caller has; null: new lines only. */
  after: z.object({ run: runSchema, number: z.int().min(0) }).nullable(),
});
export type FollowRequest = z.infer<typeof followRequestSchema>;

export const followedSchema = z.discriminatedUnion('kind', [
  /** Comes first. */
  z.object({
    kind: z.literal('start'),
    /** Another one after each start of the daemon; then the numbers start over. */
    run: runSchema,
    /** The number of the last line so far; 0 before the first. */
    newest: z.number(),
    /** Lines after the one asked for that are no longer kept. */
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
