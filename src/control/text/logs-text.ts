// Formats jobs, files and sent data for `sallyport send-logs` and `sallyport sent`. Pure.

import type { LogsDetail, LogsJob, LogsPlan, PlatformRequestRow } from '#control/uploads/send-logs.ts';
import { showForeign, showSize } from '#errors/template.ts';
import { failureText, timeText } from './status-rows.ts';
import { formatRows, formatTable } from './table.ts';

type File = LogsPlan['files'][number];

/** A table of jobs. */
export function jobLines(jobs: readonly LogsJob[], width: number): string[] {
  if (jobs.length === 0) return ['No bundle of support logs was made yet.'];
  const rows = jobs.map((job) => [
    job.job,
    stateText(job),
    timeText(job.created_at),
    job.length === null ? '' : showSize(job.length),
    job.case === null ? '' : showForeign(job.case),
    showForeign(job.requested_by),
  ]);
  return formatTable(['JOB', 'STATE', 'REQUESTED', 'SIZE', 'CASE', 'BY'], rows, width);
}

/** `uploading, 40%`. */
function stateText({ state, confirmed, length, next_try: next }: LogsJob): string {
  if (state === 'uploading' && confirmed !== null && length !== null && length > 0) {
    return `uploading, ${Math.floor((100 * confirmed) / length)}%`;
  }
  return state === 'queued' && next !== null ? `next try ${timeText(next)}` : state;
}

/** One job with its files. */
export function logsDetailLines({ job, files, left_out: leftOut }: LogsDetail, width: number): string[] {
  const rows: [string, string][] = [
    ['Job', job.job],
    ['State', stateText(job)],
    ['Requested', `${timeText(job.created_at)} by ${showForeign(job.requested_by)}`],
    ...optional('Approved by', job.approved_by),
    ...optional('Case', job.case),
    ...optional('Note', job.note),
    ...optional('File', job.file),
    ...(job.length === null ? [] : [['Size', showSize(job.length)] as [string, string]]),
    ...(job.sha256 === null ? [] : [['SHA-256', job.sha256] as [string, string]]),
    ...(job.failure === null ? [] : [['Failure', failureText(job.failure)] as [string, string]]),
    ...optional('Sent to', job.url),
    ...optional('Receipt', job.receipt),
  ];
  return [...formatRows(rows, { width }), ...contentLines({ files, left_out: leftOut }, width)];
}

/** The files of a bundle, what was masked in each, and what is left out. */
export function contentLines(
  { files, left_out: leftOut }: Pick<LogsPlan, 'files' | 'left_out'>,
  width: number,
): string[] {
  const rows = files.map((file) => [showForeign(file.name), showSize(file.bytes), maskedText(file.masked)]);
  const missing = leftOut.map(({ name, reason }) => [showForeign(name), showForeign(reason)]);
  return [
    ...(files.length === 0 ? [] : ['', ...formatTable(['FILE', 'SIZE', 'MASKED'], rows, width)]),
    ...(leftOut.length === 0 ? [] : ['', ...formatTable(['LEFT OUT', 'REASON'], missing, width)]),
  ];
}

/** `authorization 3, jwt 1`: counts by rule, never values. */
function maskedText(masked: File['masked']): string {
  return Object.entries(masked)
    .map(([rule, count]) => `${showForeign(rule)} ${count}`)
    .join(', ');
}

export function requestLines(requests: readonly PlatformRequestRow[], width: number): string[] {
  if (requests.length === 0) return ['The platform has not requested support logs.'];
  const rows = requests.map(({ id, case: number, at, state, decided_by: by, expires_at: expires, job }) => [
    showForeign(id),
    expires === null ? state : `waiting, denied at ${timeText(expires)}`,
    timeText(at),
    number === null ? '' : showForeign(number),
    by === null ? '' : showForeign(by),
    job ?? '',
  ]);
  return formatTable(['REQUEST', 'STATE', 'AT', 'CASE', 'DECIDED BY', 'JOB'], rows, width);
}

/** A line of a text from outside, with nothing that a terminal interprets. */
export function safeLine(line: string): string {
  return line.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (found) =>
    found === '\t' ? found : `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function optional(label: string, value: string | null): [string, string][] {
  return value === null ? [] : [[label, showForeign(value)]];
}
