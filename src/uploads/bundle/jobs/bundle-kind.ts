// The spool of bundles. An entry names a job, and the finished file of that job is what is sent.

import { z } from 'zod';
import { purposeRow } from '#config/purposes.ts';
import type { Scope } from '#logging/events.ts';
import { checkAttachment } from '#spool/attachment.ts';
import type { SpoolKind } from '#spool/spool.ts';
import type { Files } from '#system/files.ts';
import { isJobId } from './job-id.ts';
import { MAX_OPEN_JOBS } from './job-retention.ts';
import type { JobStore } from './job-store.ts';

const SCOPE: Scope = { purpose: 'support_logs', thread: purposeRow('support_logs').thread };

const bodySchema = z.strictObject({
  job: z.string().refine(isJobId),
  length: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});
/** What an entry refers to. */
export type BundleBody = z.infer<typeof bodySchema>;

/** Called when an entry has left the queue for good. */
export type EntryLeft = (job: string, how: 'ended' | 'set-aside') => Promise<void>;

/** The kind of these jobs. Their files count in the quota of the job store, not here. */
export function bundleKind(files: Files, store: JobStore, left: EntryLeft): SpoolKind<BundleBody> {
  return {
    name: 'bundle',
    quota: { entries: 2 * MAX_OPEN_JOBS, bytes: 16 * 1_048_576 },
    body: bodySchema,
    content: {
      measure: ({ length }) => ({ bytes: length, items: 1 }),
      check: async ({ job, length, sha256 }, signal) => {
        const known = store.get(job);
        if (known?.built === null || known === null) return 'its job is missing';
        // The server has it already.
        if (known.receipt !== null) return null;
        return await checkAttachment(files, store.fileOf(known), { attachment: { length, sha256 }, signal });
      },
      left: (job, how) => left(job, how),
    },
    setAside: (error) => ({ name: 'bundle-quarantined', error, ...SCOPE }),
  };
}
