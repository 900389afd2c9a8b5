// The verbs that import updates from a medium and mirror a repository. Both name a folder that the service reads or
// writes with its own rights, so only root may request them.

import { z } from 'zod';
import { roundSchema } from '#control/answers.ts';
import { field, whole, work } from '#control/verb.ts';
import { LOG_EVENTS } from '#control/wire.ts';

/** An absolute path. */
const pathSchema = z.string().max(4_096).startsWith('/');

const importSchema = z.object({
  path: pathSchema,
  /** How long ago metadata may have expired, in milliseconds; at most a year. */
  max_age_ms: z.number().min(0).max(31_622_400_000),
});

const mirrorSchema = z.object({
  targets: z.number(),
  /** Those that were downloaded now, and their bytes. */
  fetched: z.number(),
  bytes: z.number(),
  metadata: z.number(),
});

export const MEDIUM_VERBS = {
  /** Publishes updates from a folder or a tar archive. @throws CodedError IMPORT-UNSIGNED, IMPORT-ARCHIVE, FILE-* */
  importUpdates: work({
    path: '/v1/updates/import',
    needs: 'admin',
    does: 'import updates from a medium',
    request: whole(importSchema),
    events: LOG_EVENTS,
    result: roundSchema,
  }),
  /** Copies the whole signed repository into a folder. @throws CodedError IMPORT-UNSIGNED, MIRROR-UNVERSIONED, TUF-*, FILE-* */
  mirror: work({
    path: '/v1/mirror',
    needs: 'admin',
    does: 'mirror the repository',
    request: field('dir', pathSchema),
    events: LOG_EVENTS,
    result: mirrorSchema,
  }),
};
