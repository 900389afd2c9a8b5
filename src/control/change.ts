// The request to test a change of the settings before it is written, and its result, in the form in which they are
// sent.

import * as z from 'zod/mini';
import { candidateTextSchema, hostOutcomeSchema, typedKeysSchema } from '#diagnose/shared-schemas.ts';

export const changeRequestSchema = z.object({
  /**
   * The complete new configuration file. It may contain a secret, so it is sent over the control socket only and
   * never logged.
   */
  text: candidateTextSchema,
  /** Keys of the secrets that were typed for this change. */
  typed: typedKeysSchema,
  /** How long a person may confirm it, in milliseconds. */
  window_ms: z.int().check(z.minimum(1), z.maximum(3_600_000)),
  /** true: after a failure, the change waits for a person until the window ends. false: a failure ends it at once. */
  waits: z.boolean(),
  /** Who requested the change, shown to a later requester. */
  by: z.string().check(z.maxLength(200)),
  /** `in_force`: secrets may be used only as the active settings use them, as for a user who may not read them. */
  secrets: z.optional(z.literal('in_force')),
});
export type ChangeRequest = z.infer<typeof changeRequestSchema>;

/** The result of a stage, or why there was no result in time. */
const foundSchema = z.object({
  code: z.string(),
  message: z.string(),
  check: z.string(),
  hop: z.nullable(z.string()),
  class: z.string(),
});
export type TrialFailure = z.infer<typeof foundSchema>;

export const changeVerdictSchema = z.object({
  /** true: the requester may write the change. */
  confirmed: z.boolean(),
  /** Confirmed by every stage passing, by a person, or not at all. */
  by: z.enum(['stages', 'person', 'nobody']),
  /** The first failure; null when there was none. */
  failure: z.nullable(foundSchema),
  /** What this host shows with the new settings; missing if no connection was tested. */
  outcome: z.optional(hostOutcomeSchema),
});
export type ChangeVerdict = z.infer<typeof changeVerdictSchema>;

/** The change that is being tried now. Times are RFC 3339. */
export const pendingChangeSchema = z.object({
  by: z.string(),
  since: z.string(),
  until: z.string(),
  /** The failure, while it waits for a person; null while the stages run. */
  failure: z.nullable(foundSchema),
});
export type PendingChange = z.infer<typeof pendingChangeSchema>;

/** The file as it is on disk, when `proxy_change: confirm` holds it back. */
export const heldFileSchema = z.object({ since: z.string(), failure: foundSchema });
export type HeldFile = z.infer<typeof heldFileSchema>;
