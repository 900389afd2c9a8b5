// Decides which jobs are deleted, and whether there is space for another job. Pure.
//
// Guarantees: a job that still has to be sent is never selected. If the clock steps into the past, nothing is deleted.

import { type CodedError, coded } from '#errors/coded-error.ts';
import { isEnded, type Job, type JobState } from './job-record.ts';

const DAY_MS = 86_400_000;
/** A bundle that is not approved is deleted after this; a failed job is kept for its reason. */
const KEPT_DAYS: Readonly<Partial<Record<JobState, number>>> = { prepared: 30, failed: 30 };
/** The record of a sent job is kept at least this long, so that `send-logs list` shows it. */
const RECORD_KEPT_DAYS = 1;
/** Jobs that are not sent yet. */
export const MAX_OPEN_JOBS = 50;
/** Files of jobs may take as much as this many bundles of the largest size. */
const BUNDLES_ON_DISK = 4;

/** What the configuration says. */
export interface Retention {
  readonly keepSentDays: number;
  readonly maxBytes: number;
}

/** Whether the time of an ended or prepared job is over. */
export function isOver({ state, state_at: since }: Job, { keepSentDays }: Retention, nowMs: number): boolean {
  const days = state === 'sent' ? Math.max(keepSentDays, RECORD_KEPT_DAYS) : KEPT_DAYS[state];
  return days !== undefined && nowMs - since >= days * DAY_MS;
}

function bytesOf(jobs: readonly Job[]): number {
  return jobs.reduce((sum, { built, file_deleted: isDeleted }) => sum + (isDeleted ? 0 : (built?.length ?? 0)), 0);
}

/** The sent and failed jobs that have to be deleted so that another one has space, oldest first. */
export function toFreeSpace(jobs: readonly Job[], retention: Retention): Job[] {
  const limit = limitBytes(retention) - retention.maxBytes;
  let bytes = bytesOf(jobs);
  const deleted: Job[] = [];
  for (const job of jobs.filter(isEnded).toSorted((one, other) => one.state_at - other.state_at)) {
    if (bytes <= limit) break;
    bytes -= bytesOf([job]);
    deleted.push(job);
  }
  return deleted;
}

/** Why another job has no space, when `toFreeSpace` was deleted; null if it has. */
export function refusalOf(jobs: readonly Job[], retention: Retention): CodedError | null {
  const open = jobs.filter((job) => !isEnded(job));
  const bytes = bytesOf(open);
  if (open.length < MAX_OPEN_JOBS && bytes + retention.maxBytes <= limitBytes(retention)) return null;
  return coded('JOBS-FULL', { count: open.length, limit: MAX_OPEN_JOBS, bytes, limitBytes: limitBytes(retention) });
}

/** The most bytes that bundles which are not sent yet may have. */
export function limitBytes({ maxBytes }: Pick<Retention, 'maxBytes'>): number {
  return BUNDLES_ON_DISK * maxBytes;
}
