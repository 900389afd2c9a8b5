// The section of the status about the link to the platform.

import * as z from 'zod/mini';
import { failureSchema } from '#control/answers.ts';

/** Advice of the platform. The text is foreign: it is shown, never run. */
export const adviceSchema = z.object({
  id: z.string(),
  /** When it arrived; RFC 3339. */
  at: z.string(),
  from: z.string(),
  text: z.string(),
});
export type AdviceRow = z.infer<typeof adviceSchema>;

/** Times are RFC 3339. */
export const platformStatusSchema = z.object({
  enabled: z.boolean(),
  url: z.nullable(z.string()),
  /** `off` also if no daemon is running. */
  state: z.enum(['off', 'connecting', 'connected', 'waiting']),
  /** Since when it is connected or connecting. */
  since: z.nullable(z.string()),
  over: z.nullable(z.enum(['websocket', 'poll'])),
  /** Name of the proxy profile of the connection; null if it is direct, or if there is none. */
  proxy: z.nullable(z.string()),
  /** Why long polling is used in place of a WebSocket. */
  blocked: z.nullable(failureSchema),
  /** Why there is no connection. */
  failure: z.nullable(failureSchema),
  next_try: z.nullable(z.string()),
  reports: z.enum(['none', 'basic', 'full']),
  commands: z.object({
    /** Received and not carried out yet. */
    waiting: z.number(),
    /** The last one with a result. */
    last: z.nullable(
      z.object({
        id: z.string(),
        command: z.string(),
        outcome: z.enum(['done', 'refused', 'failed', 'waiting']),
        code: z.nullable(z.string()),
        at: z.string(),
      }),
    ),
  }),
  /** Newest first. */
  advice: z.array(adviceSchema),
});
export type PlatformStatus = z.infer<typeof platformStatusSchema>;
