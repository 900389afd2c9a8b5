// What verbs about updates answer, as it crosses: plain JSON with a schema for both ends.

import { z } from 'zod';

/** A failure as it crosses: code, sentence, what to check, hop, class. */
export const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  check: z.string(),
  hop: z.string().nullable(),
  class: z.string(),
});
export type Failure = z.infer<typeof failureSchema>;

export const itemFailureSchema = z.object({ id: z.string(), failure: failureSchema });

/** What one round did. */
export const roundSchema = z.object({
  failure: failureSchema.nullable(),
  published: z.array(z.string()),
  failed: z.array(itemFailureSchema),
  refused: z.array(itemFailureSchema),
  withdrawn: z.array(z.string()),
  pruned: z.array(z.string()),
  left: z.number(),
  /** RFC 3339, or null when nothing asked for it. */
  retry_at: z.string().nullable(),
});
export type RoundResult = z.infer<typeof roundSchema>;

/** A published package, a line of `updates list`. */
export const updateSchema = z.object({
  id: z.string(),
  package: z.string(),
  sequence: z.number(),
  kind: z.string(),
  length: z.number(),
  sha256: z.string(),
  trust: z.string(),
  released: z.string(),
  published_at: z.string(),
  path: z.string(),
  notes: z.string().nullable(),
});
export type UpdateRow = z.infer<typeof updateSchema>;

/** What `updates verify` found of one package. */
export const verifiedSchema = z.object({ id: z.string(), path: z.string(), failure: failureSchema.nullable() });
export type VerifiedRow = z.infer<typeof verifiedSchema>;

/** What one run of the hook by hand did; a run that failed is an error. */
export const hookRunSchema = z.object({ id: z.string(), elapsed_ms: z.number() });
export type HookRun = z.infer<typeof hookRunSchema>;

/** The feed that is configured, and the serial that was known of it; null when none was. */
export const forgottenSchema = z.object({ feed: z.string(), serial: z.number().nullable() });
export type ForgottenSerial = z.infer<typeof forgottenSchema>;
