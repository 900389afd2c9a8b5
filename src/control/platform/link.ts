// The verbs and answers of `sallyport platform`, and the section of the status about the link to the platform.

import { z } from 'zod';
import { failureSchema } from '#control/answers.ts';
import { answer } from '#control/verb.ts';

/** Advice of the platform. The text is foreign: it is shown, never run. */
const adviceSchema = z.object({
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
  url: z.string().nullable(),
  /** `off` also if no daemon is running. */
  state: z.enum(['off', 'connecting', 'connected', 'waiting']),
  /** Since when it is connected or connecting. */
  since: z.string().nullable(),
  over: z.enum(['websocket', 'poll']).nullable(),
  /** Name of the proxy profile of the connection; null if it is direct, or if there is none. */
  proxy: z.string().nullable(),
  /** Why long polling is used in place of a WebSocket. */
  blocked: failureSchema.nullable(),
  /** Why there is no connection. */
  failure: failureSchema.nullable(),
  next_try: z.string().nullable(),
  reports: z.enum(['none', 'basic', 'full']),
  commands: z.object({
    /** Received and not carried out yet. */
    waiting: z.number(),
    /** The last one with a result. */
    last: z
      .object({
        id: z.string(),
        command: z.string(),
        outcome: z.enum(['done', 'refused', 'failed', 'waiting']),
        code: z.string().nullable(),
        at: z.string(),
      })
      .nullable(),
  }),
  /** Newest first. */
  advice: z.array(adviceSchema),
});
export type PlatformStatus = z.infer<typeof platformStatusSchema>;

const previewSchema = z.object({
  /** The next report, exactly as it is sent; null if none is. */
  report: z.string().nullable(),
  /** The key that decides that none is sent. */
  off: z.string().nullable(),
});

export const PLATFORM_VERBS = {
  /** The next report to the platform. */
  previewReport: answer({
    path: '/v1/platform/preview',
    needs: 'look',
    does: 'show the next report to the platform',
    result: previewSchema,
  }),
  /** Advice of the platform, newest first. @throws CodedError STATE-UNREADABLE */
  listAdvice: answer({
    path: '/v1/platform/advice',
    needs: 'look',
    does: 'show advice of the platform',
    result: z.array(adviceSchema),
  }),
};
