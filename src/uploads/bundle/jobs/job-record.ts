// The record of one job (`job.json`), from the request for a bundle to its receipt. Pure.

import { z } from 'zod';
import { momentSchema } from '#system/moment-schema.ts';
import { requesterSchema } from '#uploads/sent-lines.ts';
import { isJobId } from './job-id.ts';

export const JOB_FORMAT = 1;
const MAX_CASE_LENGTH = 64;
const MAX_NOTE_LENGTH = 1_000;

/** One line of text without control characters. */
const words = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}+$/u);
const caseSchema = words(MAX_CASE_LENGTH);
const noteSchema = words(MAX_NOTE_LENGTH);

/**
 * building: its content is collected, redacted and packed. prepared: waits for an approval. queued: waits for its
 * upload, or is being uploaded. held: a scanner blocked it. sent: the server has confirmed it. failed: it can never be
 * sent.
 */
const JOB_STATES = ['building', 'prepared', 'queued', 'held', 'sent', 'failed'] as const;
export type JobState = (typeof JOB_STATES)[number];

const countsSchema = z.record(z.string(), z.int().nonnegative());

/** The frozen file of a job. */
const builtSchema = z.strictObject({
  /** Its name in the folder `work` of the job. */
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/),
  content_type: z.string().max(128),
  length: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Bytes of the collected files; null for a bundle that was made elsewhere. */
  source_bytes: z.int().nonnegative().nullable(),
  files: z.array(z.strictObject({ name: z.string(), bytes: z.int().nonnegative(), masked: countsSchema })),
  left_out: z.array(z.strictObject({ name: z.string(), reason: z.string() })),
});
export type BuiltFile = z.infer<typeof builtSchema>;

const jobSchema = z.strictObject({
  id: z.string().refine(isJobId),
  created_at: momentSchema,
  requested_by: requesterSchema,
  case: caseSchema.nullable(),
  note: noteSchema.nullable(),
  /** Nothing older is collected, in ms since the epoch. */
  since: momentSchema.nullable(),
  /** Whether it stops before the upload. */
  prepare: z.boolean(),
  /** imported: a person handed in a bundle that was made elsewhere. */
  origin: z.enum(['collected', 'imported']),
  state: z.enum(JOB_STATES),
  /** When it reached this state. */
  state_at: momentSchema,
  built: builtSchema.nullable(),
  /** Whether its file was deleted after the receipt. */
  file_deleted: z.boolean(),
  approved_by: z.string().nullable(),
  upload: z.strictObject({
    location: z.string().nullable(),
    other_bytes: z.int().nonnegative(),
    failures: z.int().nonnegative(),
    block: z.strictObject({ route: z.string(), times: z.int().positive() }).nullable(),
  }),
  receipt: z.strictObject({ id: z.string(), url: z.string(), via: z.string() }).nullable(),
  /** The last failure, in words. */
  failure: z
    .strictObject({
      code: z.string(),
      message: z.string(),
      check: z.string(),
      hop: z.string().nullable(),
      class: z.string(),
    })
    .nullable(),
});
export type Job = Readonly<z.infer<typeof jobSchema>>;

/** What a new job is made from. */
export type NewJob = Pick<Job, 'id' | 'requested_by' | 'case' | 'note' | 'since' | 'prepare' | 'origin'>;

/** How a job is read back. */
export const JOB_READER = { format: JOB_FORMAT, parse: (raw: unknown): Job => jobSchema.parse(raw) };

export function makeJob(given: NewJob, nowMs: number): Job {
  return {
    ...given,
    created_at: nowMs,
    state: 'building',
    state_at: nowMs,
    built: null,
    file_deleted: false,
    approved_by: null,
    upload: { location: null, other_bytes: 0, failures: 0, block: null },
    receipt: null,
    failure: null,
  };
}

/** Whether work on the job is over. */
export function isEnded({ state }: Pick<Job, 'state'>): boolean {
  return state === 'sent' || state === 'failed';
}

/** How often each rule masked something, over all files. */
export function maskedBy({ files }: Pick<BuiltFile, 'files'>): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const { masked } of files) {
    for (const [rule, count] of Object.entries(masked)) sum[rule] = (sum[rule] ?? 0) + count;
  }
  return sum;
}
