// How a hold on updates, and a package that waits for its publication, are sent. The status has both, so this file loads
// nothing else.

import * as z from 'zod/mini';

/** A hold on updates. Times are RFC 3339. */
export const holdSchema = z.object({
  until: z.string(),
  since: z.string(),
  reason: z.string(),
  /** Who set it, in words, such as `user 1000 (anna)`. */
  by: z.string(),
  /** The uid of that user; null if the kernel did not report it. */
  uid: z.nullable(z.number()),
});
export type HoldRow = z.infer<typeof holdSchema>;

/** A package that is downloaded and verified, but not published. */
export const readySchema = z.object({
  id: z.string(),
  package: z.string(),
  sequence: z.number(),
  length: z.number(),
  /** When it was verified. */
  since: z.string(),
});
export type ReadyRow = z.infer<typeof readySchema>;
