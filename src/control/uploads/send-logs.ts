// The requests of `sallyport send-logs`. No request names a file of this host: the configuration says what is
// collected, and a bundle from another host is sent as bytes.

import { z } from 'zod';
import { failureSchema } from '#control/answers.ts';
import { answer, eventsOf, field, nothing, whole, withBytes, work } from '#control/verb.ts';
import { type SentLine, sentLineSchema } from '#uploads/sent-lines.ts';

/** Bytes of a file in one answer. */
export const PART_BYTES = 1_048_576;
/** Bytes of a handed-in file in one request. A request must end within seconds, also on a slow disk. */
export const IMPORT_PART_BYTES = 4_194_304;

const jobIdSchema = z.string().max(64);
/** One line of text. The daemon checks it again. */
const lineSchema = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^\P{Cc}+$/u);
const orderFields = { case: lineSchema(64).nullable(), note: lineSchema(1_000).nullable() };

/** What is requested. `since` is a time, RFC 3339. */
const orderSchema = z.object({ ...orderFields, since: z.string().max(40).nullable(), prepare: z.boolean() });
export type LogsOrder = z.infer<typeof orderSchema>;

const countsSchema = z.record(z.string(), z.number());
const listedFileSchema = z.object({ name: z.string(), bytes: z.number(), masked: countsSchema });
const leftOutSchema = z.object({ name: z.string(), reason: z.string() });

/** One job. Times are RFC 3339. */
const logsJobSchema = z.object({
  job: z.string(),
  /**
   * building; prepared: waits for an approval; queued: waits for its upload; uploading; held: a scanner blocked it; sent;
   * failed.
   */
  state: z.enum(['building', 'prepared', 'queued', 'uploading', 'held', 'sent', 'failed']),
  since: z.string(),
  created_at: z.string(),
  requested_by: z.string(),
  approved_by: z.string().nullable(),
  case: z.string().nullable(),
  note: z.string().nullable(),
  /** The file that is sent; null until it is built. */
  file: z.string().nullable(),
  length: z.number().nullable(),
  sha256: z.string().nullable(),
  files: z.number(),
  left_out: z.number(),
  /** How often each rule masked something, over all files. */
  masked: countsSchema,
  /** Bytes that the server has confirmed, while it is uploaded. */
  confirmed: z.number().nullable(),
  /** Attempts that failed. */
  failures: z.number(),
  failure: z.nullable(failureSchema),
  next_try: z.string().nullable(),
  /** Where it was sent to, and the receipt of the server. */
  url: z.string().nullable(),
  via: z.string().nullable(),
  receipt: z.string().nullable(),
});
export type LogsJob = z.infer<typeof logsJobSchema>;

const startedSchema = z.object({
  job: logsJobSchema,
  /** Whether it was running already. */
  joined: z.boolean(),
  /** Whether a daemon works on it; without one, this process does. */
  daemon: z.boolean(),
});

const detailSchema = z.object({
  job: logsJobSchema,
  files: z.array(listedFileSchema),
  left_out: z.array(leftOutSchema),
});
export type LogsDetail = z.infer<typeof detailSchema>;

const planSchema = z.object({
  source_bytes: z.number(),
  files: z.array(listedFileSchema),
  left_out: z.array(leftOutSchema),
});
export type LogsPlan = z.infer<typeof planSchema>;

/** A part of the bundle, or of one file in it. */
const readSchema = z.object({
  job: jobIdSchema,
  /** The name of a file as `show` lists it; null for the bundle itself. */
  file: z.string().max(4_096).nullable(),
  offset: z.int().nonnegative(),
});
const partSchema = z.object({
  /** In Base64. */
  data: z.string(),
  /** Of the whole file. */
  length: z.number(),
});

const approvalSchema = z.object({ job: jobIdSchema, sha256: z.string().max(64).nullable() });

/** `offset` is the end of the previous part. */
const importedSchema = z.object({ job: jobIdSchema, offset: z.int().nonnegative() });

/** A request of the platform. */
const platformRequestSchema = z.object({
  id: z.string(),
  case: z.string().nullable(),
  at: z.string(),
  state: z.enum(['waiting', 'approved', 'denied']),
  decided_at: z.string().nullable(),
  /** `root`, `user 1000`, or `configuration`. */
  decided_by: z.string().nullable(),
  job: z.string().nullable(),
  expires_at: z.string().nullable(),
});
export type PlatformRequestRow = z.infer<typeof platformRequestSchema>;

/** A line of the record of what left this host. */
export type SentRow = SentLine;

export const SEND_LOGS_VERBS = {
  /** Starts a job, or joins a running one. @throws CodedError POLICY-UPLOADS, UPLOADS-OFF, JOBS-FULL, DISK-FULL */
  sendLogs: answer({
    path: '/v1/logs/send',
    needs: 'operate',
    does: 'send support logs',
    request: whole(orderSchema),
    result: startedSchema,
  }),
  /** Reports each change of a job until it is sent, prepared, held or failed, or its upload has failed once. */
  followLogs: work({
    path: '/v1/logs/follow',
    needs: 'operate',
    does: 'follow the upload of support logs',
    request: field('job', jobIdSchema),
    events: eventsOf(logsJobSchema),
    result: logsJobSchema,
  }),
  /** Every job, oldest first. */
  listLogs: answer({
    path: '/v1/logs',
    needs: 'look',
    does: 'list the bundles of support logs',
    result: z.array(logsJobSchema),
  }),
  showLogs: answer({
    path: '/v1/logs/show',
    needs: 'operate',
    does: 'show a bundle of support logs',
    request: field('job', jobIdSchema),
    result: detailSchema,
  }),
  /** @throws CodedError JOB-UNKNOWN, JOB-STATE, BUNDLE-NO-FILE */
  readLogs: answer({
    path: '/v1/logs/read',
    needs: 'operate',
    does: 'read a bundle of support logs',
    request: whole(readSchema),
    result: partSchema,
  }),
  /** Sends a prepared bundle. @throws CodedError JOB-UNKNOWN, JOB-STATE, JOB-DIGEST */
  approveLogs: answer({
    path: '/v1/logs/approve',
    needs: 'operate',
    does: 'approve a bundle of support logs',
    request: whole(approvalSchema),
    result: logsJobSchema,
  }),
  /** Deletes a job that waits for no upload. @throws CodedError JOB-UNKNOWN, JOB-STATE */
  deleteLogs: answer({
    path: '/v1/logs/delete',
    needs: 'operate',
    does: 'delete a bundle of support logs',
    request: field('job', jobIdSchema),
    result: nothing,
  }),
  /** What a bundle would contain now. Nothing is kept or sent. */
  planLogs: work({
    path: '/v1/logs/plan',
    needs: 'operate',
    does: 'list what support logs would contain',
    request: whole(orderSchema),
    result: planSchema,
  }),
  /** Makes a job for a bundle that was made elsewhere. */
  beginImport: answer({
    path: '/v1/logs/import',
    needs: 'admin',
    does: 'send a bundle that was made elsewhere',
    request: whole(z.object(orderFields)),
    result: logsJobSchema,
  }),
  /** The next bytes of it. @throws CodedError JOB-UNKNOWN, JOB-STATE, DISK-FULL */
  importPart: answer({
    path: '/v1/logs/import/part',
    needs: 'admin',
    does: 'hand in a bundle that was made elsewhere',
    request: withBytes(importedSchema),
    maxBytes: IMPORT_PART_BYTES,
    result: nothing,
  }),
  /** Checks and sends it. @throws CodedError JOB-UNKNOWN, BUNDLE-FOREIGN */
  endImport: work({
    path: '/v1/logs/import/end',
    needs: 'admin',
    does: 'send a bundle that was handed in',
    request: field('job', jobIdSchema),
    result: logsJobSchema,
  }),
  /** Requests of the platform, newest first. */
  listLogsRequests: answer({
    path: '/v1/logs/requests',
    needs: 'look',
    does: 'list the requests of the platform for support logs',
    result: z.array(platformRequestSchema),
  }),
  /** @throws CodedError REQUEST-UNKNOWN, POLICY-UPLOADS, UPLOADS-OFF */
  decideLogsRequest: answer({
    path: '/v1/logs/requests/decide',
    needs: 'admin',
    does: 'decide about a request of the platform for support logs',
    request: whole(z.object({ id: z.string().max(128), approve: z.boolean() })),
    result: platformRequestSchema,
  }),
  /** What left this host, newest first, at most `limit` lines. */
  listSent: answer({
    path: '/v1/sent',
    needs: 'look',
    does: 'list what left this host',
    request: field('limit', z.int().min(1).max(10_000)),
    result: z.array(sentLineSchema),
  }),
};
