// The responses of the daemon about updates: plain JSON, with schemas that both ends use.

import * as z from 'zod/mini';

/** A failure as it is sent: code, sentence, what to check, hop, class. */
export const failureSchema = z.object({
  code: z.string(),
  message: z.string(),
  check: z.string(),
  hop: z.nullable(z.string()),
  class: z.string(),
});
export type Failure = z.infer<typeof failureSchema>;

export const itemFailureSchema = z.object({ id: z.string(), failure: failureSchema });

/** The result of one round. */
export const roundSchema = z.object({
  failure: z.nullable(failureSchema),
  published: z.array(z.string()),
  /** Downloaded and verified, but not to be published yet. */
  ready: z._default(z.array(z.string()), []),
  /** They wait for the hours of `updates.window.download`. */
  parked: z._default(z.array(z.string()), []),
  failed: z.array(itemFailureSchema),
  refused: z.array(itemFailureSchema),
  withdrawn: z.array(z.string()),
  pruned: z.array(z.string()),
  left: z.number(),
  /** RFC 3339, or null when no retry was requested. */
  retry_at: z.nullable(z.string()),
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
  notes: z.nullable(z.string()),
});
export type UpdateRow = z.infer<typeof updateSchema>;

/** The result of `updates verify` for one package. */
export const verifiedSchema = z.object({ id: z.string(), path: z.string(), failure: z.nullable(failureSchema) });
export type VerifiedRow = z.infer<typeof verifiedSchema>;

/** The result of one manual run of the hook. A failed run is an error. */
export const hookRunSchema = z.object({ id: z.string(), elapsed_ms: z.number() });
export type HookRun = z.infer<typeof hookRunSchema>;

/** The configured feed and the serial that was stored for it; null when there was none. */
export const forgottenSchema = z.object({ feed: z.string(), serial: z.nullable(z.number()) });
export type ForgottenSerial = z.infer<typeof forgottenSchema>;
