// The requests that import updates from a medium, such as a USB drive, that copy a repository, and that collect what a
// bundle of updates needs.
//
// An import and a mirror name a path that the service reads or writes with its own rights, so only root may request them.
// An export names no path: its answer has the documents, and the command writes the bundle with the rights of its user.

import { z } from 'zod';
import { roundSchema } from '#control/answers.ts';
import { field, whole, work } from '#control/verb.ts';
import { LOG_EVENTS } from '#control/wire.ts';
import { requireId } from '#system/id.ts';

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

/** As many updates as a feed can list. */
const MAX_EXPORTED = 2_000;
const sha256 = z.string();

const exportSchema = z.object({
  /** Small files of the bundle: its manifest, and the feed or the signed metadata. */
  documents: z.array(z.object({ name: z.string(), data: z.base64(), sha256 })),
  /** Published packages. The command reads them, as every user of this host may. */
  packages: z.array(z.object({ id: z.string(), name: z.string(), path: z.string(), length: z.number(), sha256 })),
  /** Updates that are required by those of the bundle, and not in it. */
  requires: z.array(z.string()),
  /** When the feed or the first part of its metadata expires. */
  expires: z.string(),
});
export type BundleContent = z.infer<typeof exportSchema>;

export const MEDIUM_VERBS = {
  /** Collects what a bundle needs. @throws CodedError EXPORT-UPDATE, EXPORT-TOO-LARGE, FEED-*, TUF-* and codes of the network */
  exportUpdates: work({
    path: '/v1/updates/export',
    needs: 'operate',
    does: 'export updates',
    request: field('ids', z.array(z.string().transform(requireId)).min(1).max(MAX_EXPORTED)),
    events: LOG_EVENTS,
    result: exportSchema,
  }),
  /** Publishes updates from a folder, a tar archive or a bundle. @throws CodedError IMPORT-*, TRUST-DOWNGRADE, FILE-* */
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
