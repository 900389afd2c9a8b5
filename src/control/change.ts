// A change of the settings that is tried before it is written: what is asked, and what came of it, as both cross Control.

import { z } from 'zod';
import { candidateTextSchema, typedKeysSchema } from '#diagnose/report.ts';

export const changeRequestSchema = z.object({
  /** The whole configuration file as it would be. It may hold a secret: it crosses the control socket only, and no log. */
  text: candidateTextSchema,
  /** Keys of secrets that were typed for this. */
  typed: typedKeysSchema,
  /** How long somebody may confirm it, in milliseconds. */
  window_ms: z.number().int().min(1).max(3_600_000),
  /** Whether a failure waits for a person until the window is over, or ends it at once. */
  waits: z.boolean(),
  /** Who wants it, for whoever comes second. */
  by: z.string().max(200),
  /** `in_force`: secrets may be used only as the active settings use them, as for somebody who may not read them. */
  secrets: z.literal('in_force').optional(),
});
export type ChangeRequest = z.infer<typeof changeRequestSchema>;

/** What a stage found, or why nothing was found in time. */
const foundSchema = z.object({
  code: z.string(),
  message: z.string(),
  check: z.string(),
  hop: z.string().nullable(),
  class: z.string(),
});
export type TrialFailure = z.infer<typeof foundSchema>;

export const changeVerdictSchema = z.object({
  /** Who asked for it may write it. */
  confirmed: z.boolean(),
  /** By every stage that passed, by a person, or not at all. */
  by: z.enum(['stages', 'person', 'nobody']),
  /** The first failure; null where none was found. */
  failure: foundSchema.nullable(),
});
export type ChangeVerdict = z.infer<typeof changeVerdictSchema>;

/** The change that is being tried now. Times are RFC 3339. */
export const pendingChangeSchema = z.object({
  by: z.string(),
  since: z.string(),
  until: z.string(),
  /** What failed, while it waits for a person; null while the stages run. */
  failure: foundSchema.nullable(),
});
export type PendingChange = z.infer<typeof pendingChangeSchema>;

/** The file as it is, when `proxy_change: confirm` holds it back. */
export const heldFileSchema = z.object({ since: z.string(), failure: foundSchema });
export type HeldFile = z.infer<typeof heldFileSchema>;
