// `sallyport send-logs`: collects support logs, shows what would be sent, and sends it. The running daemon does this.
// If no daemon is running, this process does it.
//
// Guarantees: this process opens files with the rights of its user, and the daemon only receives or sends their bytes.
// A bundle that `approve` sends has the digest that `show` printed.

import { printJson } from '#cli/terminal/json.ts';
import { type Terminal, widthOf } from '#cli/terminal/terminal.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { Control } from '#control/control.ts';
import { contentLines, jobLines, logsDetailLines, requestLines, safeLine } from '#control/text/logs-text.ts';
import type { LogsJob } from '#control/uploads/send-logs.ts';
import { coded } from '#errors/coded-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showSize } from '#errors/template.ts';
import type { Files } from '#system/files.ts';
import { utcTime } from '#system/moment.ts';
import { followJob, printEnd, type WaitOptions } from './follow.ts';
import { importFile, openOutput, readAll, saveBundle } from './logs-files.ts';
import { parseSince } from './since.ts';

export interface SendLogsArguments {
  /** A bundle that was made elsewhere. */
  readonly file: string | null;
  readonly case: string | null;
  readonly note: string | null;
  readonly since: string | null;
  readonly prepare: boolean;
  readonly output: string | null;
  readonly dryRun: boolean;
  readonly json: boolean;
}

type Following = Omit<WaitOptions, 'json' | 'daemon'>;

interface SendLogsParts extends Following {
  readonly files: Files;
  /** Wall time, ms since the epoch. */
  readonly nowMs: number;
}

/** Makes and sends a bundle, or only makes or lists it. */
export async function sendLogsCommand(
  control: Control,
  terminal: Terminal,
  { args, parts }: { readonly args: SendLogsArguments; readonly parts: SendLogsParts },
): Promise<number> {
  const { file, json, dryRun, output } = args;
  checkArguments(args);
  if (file !== null) return await sendFile(control, terminal, { args, parts, file });
  const order = orderOf(args, parts.nowMs);
  if (dryRun) {
    const plan = await control.planLogs(order, parts.signal);
    if (json) printJson(terminal, plan);
    else {
      terminal.out(`Files of a bundle: ${plan.files.length} (${showSize(plan.source_bytes)}). Nothing was sent.`);
      for (const line of contentLines(plan, widthOf(terminal.screen))) terminal.out(line);
    }
    return EXIT_OK;
  }
  const target = output === null ? null : await openOutput(parts.files, output);
  try {
    const { job, joined, daemon } = await control.sendLogs(order);
    if (!json) terminal.err(startText(job, joined));
    const options = { ...parts, json, daemon };
    const ended = await followJob(control, terminal, job.job, options);
    if (target === null || ended?.state !== 'prepared') return printEnd(terminal, ended, { ...options, id: job.job });
    await saveBundle(control, target, ended);
    await control.deleteLogs(job.job);
    if (json) printJson(terminal, { ...ended, output });
    else
      terminal.out(`Saved bundle ${job.job} (${showSize(ended.length ?? 0)}) to ${output}. SHA-256 ${ended.sha256}.`);
    return EXIT_OK;
  } finally {
    await target?.close();
  }
}

function startText({ job, requested_by: by }: LogsJob, joined: boolean): string {
  return joined
    ? `Bundle ${job} is already running (requested by ${by}); waiting for it.`
    : `Bundle ${job}: collecting.`;
}

function checkArguments({ file, since, prepare, output, dryRun }: SendLogsArguments): void {
  if (file !== null && (since !== null || prepare || output !== null || dryRun)) {
    throw new UsageError('With a FILE, only --case, --note and --json can be used.');
  }
  if ([prepare, output !== null, dryRun].filter(Boolean).length > 1) {
    throw new UsageError('Use only one of --prepare, --output and --dry-run.');
  }
}

function orderOf({ case: number, note, since, prepare, output }: SendLogsArguments, nowMs: number) {
  const sinceMs = since === null ? null : parseSince(since, nowMs);
  if (since !== null && sinceMs === null) {
    throw new UsageError('--since: use a duration such as 6h or 3d, or a time such as 2026-11-30T06:00:00Z.');
  }
  const from = sinceMs === null ? null : utcTime(sinceMs);
  return { case: number, note, since: from, prepare: prepare || output !== null };
}

async function sendFile(
  control: Control,
  terminal: Terminal,
  { args, parts, file }: { readonly args: SendLogsArguments; readonly parts: SendLogsParts; readonly file: string },
): Promise<number> {
  const { case: number, note, json } = args;
  const job = await importFile(control, { file, case: number, note, files: parts.files, signal: parts.signal });
  if (!json) terminal.err(`Bundle ${job.job}: uploading ${safeLine(file)}.`);
  const { daemon } = { daemon: (await control.status()).main.state === 'running' };
  const options = { ...parts, json, daemon };
  return printEnd(terminal, await followJob(control, terminal, job.job, options), { ...options, id: job.job });
}

/** Lists every job. */
export async function listLogsCommand(control: Control, terminal: Terminal, json: boolean): Promise<number> {
  const jobs = await control.listLogs();
  if (json) printJson(terminal, jobs);
  else for (const line of jobLines(jobs, widthOf(terminal.screen))) terminal.out(line);
  return EXIT_OK;
}

/** Shows what a bundle contains, or one file of it as it would be sent. */
export async function showLogsCommand(
  control: Control,
  terminal: Terminal,
  { job, file, json }: { readonly job: string; readonly file: string | null; readonly json: boolean },
): Promise<number> {
  if (file === null) {
    const detail = await control.showLogs(job);
    if (json) printJson(terminal, detail);
    else for (const line of logsDetailLines(detail, widthOf(terminal.screen))) terminal.out(line);
    return EXIT_OK;
  }
  let rest = '';
  const decoder = new TextDecoder();
  for await (const part of readAll(control, { job, file })) {
    const lines = (rest + decoder.decode(part, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) terminal.out(safeLine(line));
  }
  if (rest !== '') terminal.out(safeLine(rest));
  return EXIT_OK;
}

/** Sends a prepared bundle, or lets a request of the platform start one. */
export async function approveLogsCommand(
  control: Control,
  terminal: Terminal,
  { id, parts, json }: { readonly id: string; readonly parts: Following; readonly json: boolean },
): Promise<number> {
  const { job } = await startApproved(control, id);
  const daemon = (await control.status()).main.state === 'running';
  if (!json) terminal.err(`Bundle ${job}: approved.`);
  const options = { ...parts, json, daemon };
  return printEnd(terminal, await followJob(control, terminal, job, options), { ...options, id: job });
}

async function startApproved(control: Control, id: string): Promise<{ readonly job: string }> {
  const known = (await control.listLogs()).find(({ job }) => job === id);
  if (known !== undefined) return await control.approveLogs({ job: id, sha256: known.sha256 });
  const { job } = await control.decideLogsRequest({ id, approve: true });
  if (job === null) throw coded('REQUEST-UNKNOWN', { request: id });
  return { job };
}

/** Denies a request of the platform. */
export async function denyLogsCommand(
  control: Control,
  terminal: Terminal,
  { id, json }: { readonly id: string; readonly json: boolean },
): Promise<number> {
  const request = await control.decideLogsRequest({ id, approve: false });
  if (json) printJson(terminal, request);
  else terminal.out(`Denied request ${safeLine(request.id)} of the platform. Nothing was collected.`);
  return EXIT_OK;
}

/** Deletes a job that is not being sent. */
export async function deleteLogsCommand(control: Control, terminal: Terminal, job: string): Promise<number> {
  await control.deleteLogs(job);
  terminal.out(`Deleted bundle ${safeLine(job)}.`);
  return EXIT_OK;
}

/** Lists the requests of the platform. */
export async function listLogsRequestsCommand(control: Control, terminal: Terminal, json: boolean): Promise<number> {
  const requests = await control.listLogsRequests();
  if (json) printJson(terminal, requests);
  else for (const line of requestLines(requests, widthOf(terminal.screen))) terminal.out(line);
  return EXIT_OK;
}
