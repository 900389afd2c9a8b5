// The requests of `sallyport platform`, and the answers to them.

import { z } from 'zod';
import { answer } from '#control/verb.ts';
import { adviceSchema } from './link-status.ts';

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
