// A job of support logs in the form that Control sends. Pure.

import type { LogsDetail, LogsJob, PlatformRequestRow } from '#control/uploads/send-logs.ts';
import type { EntryHead } from '#spool/spool.ts';
import { utcTime } from '#system/moment.ts';
import { requesterWords } from '#uploads/bundle/jobs/bundle-jobs.ts';
import { type Job, maskedBy } from '#uploads/bundle/jobs/job-record.ts';
import { decidableUntil, type StoredRequest } from '#uploads/platform-requests.ts';

/** What is known of a job in addition to its record. */
export interface JobContext {
  /** Its entry of the spool; null if it waits for no upload. */
  readonly head: EntryHead | null;
  /** The bytes that the server has confirmed, while it is uploaded; null otherwise. */
  readonly confirmed: number | null;
}

export function describeJob(job: Job, { head, confirmed }: JobContext): LogsJob {
  const { built, receipt, upload } = job;
  const untilMs = head?.held === false ? (head.postponed?.untilMs ?? null) : null;
  return {
    job: job.id,
    state: confirmed === null ? job.state : 'uploading',
    since: utcTime(job.state_at),
    created_at: utcTime(job.created_at),
    requested_by: requesterWords(job.requested_by),
    approved_by: job.approved_by,
    case: job.case,
    note: job.note,
    file: built?.name ?? null,
    length: built?.length ?? null,
    sha256: built?.sha256 ?? null,
    files: built?.files.length ?? 0,
    left_out: built?.left_out.length ?? 0,
    masked: built === null ? {} : maskedBy(built),
    confirmed,
    failures: upload.failures,
    failure: job.failure,
    next_try: untilMs === null ? null : utcTime(untilMs),
    url: receipt?.url ?? null,
    via: receipt?.via ?? null,
    receipt: receipt?.id ?? null,
  };
}

/** The same with its files. */
export function describeDetail(job: Job, context: JobContext): LogsDetail {
  return { job: describeJob(job, context), files: job.built?.files ?? [], left_out: job.built?.left_out ?? [] };
}

export function describeRequest(request: StoredRequest): PlatformRequestRow {
  const { id, case: number, at, state, decided_at: decidedAt, decided_by: by, job } = request;
  return {
    id,
    case: number,
    at: utcTime(at),
    state,
    decided_at: decidedAt === null ? null : utcTime(decidedAt),
    decided_by: by,
    job,
    expires_at: state === 'waiting' ? utcTime(decidableUntil(request)) : null,
  };
}
