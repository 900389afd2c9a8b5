// Waits for a job of support logs and shows its progress. The job runs in the daemon: ENTER or Ctrl-C ends the wait,
// not the job.

import { exitStatusOf } from '#cli/terminal/failure.ts';
import { printJson } from '#cli/terminal/json.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Control } from '#control/control.ts';
import { failureText, timeText } from '#control/text/status-rows.ts';
import type { LogsJob } from '#control/uploads/send-logs.ts';
import { asCoded } from '#errors/coded-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { showSize } from '#errors/template.ts';
import type { Report } from '#logging/events.ts';
import { onAbort } from '#system/abort.ts';

export interface WaitOptions {
  readonly json: boolean;
  /** Whether a daemon does the work. */
  readonly daemon: boolean;
  readonly signal: AbortSignal;
  /** Shows progress on the screen, while `work` runs. */
  live(work: (show: Report) => Promise<LogsJob | null>): Promise<LogsJob | null>;
}

/** The job at its end; null if the user stopped waiting. */
export async function followJob(
  control: Pick<Control, 'followLogs'>,
  terminal: Terminal,
  job: string,
  options: WaitOptions,
): Promise<LogsJob | null> {
  const leaving = new AbortController();
  const stopListening = onAbort(options.signal, () => leaving.abort());
  const mayLeave = options.daemon && !options.json && terminal.answers.interactive;
  const done = new AbortController();
  if (mayLeave) {
    terminal.err('Press ENTER or Ctrl-C to stop waiting; the daemon continues.');
    void terminal.answers.enter(done.signal).then((isPressed) => isPressed && leaving.abort());
  }
  try {
    return await options.live(async (show) => {
      const onEvent = (now: LogsJob) => {
        if (!options.json) showProgress(now, show);
      };
      return await control.followLogs(job, onEvent, leaving.signal);
    });
  } catch (thrown) {
    if (!leaving.signal.aborted) throw thrown;
    void asCoded(thrown);
    return null;
  } finally {
    done.abort();
    stopListening();
  }
}

function showProgress({ job, state, confirmed, length }: LogsJob, show: Report): void {
  if (state !== 'uploading' || confirmed === null || length === null) return;
  show({ name: 'progress', id: job, received: confirmed, length });
}

/** Prints how a job ended. Returns the exit status. */
export function printEnd(terminal: Terminal, job: LogsJob | null, options: WaitOptions & { id: string }): number {
  if (job === null) {
    const next = options.daemon ? 'The daemon continues it' : 'It continues when the daemon starts';
    terminal.err(`Stopped waiting for bundle ${options.id}. ${next}; sallyport send-logs list shows its state.`);
    return EXIT_OK;
  }
  if (options.json) printJson(terminal, job);
  else for (const line of endLines(job, options.daemon)) terminal.out(line);
  return job.state === 'sent' || job.state === 'prepared' || job.failure === null ? EXIT_OK : exitStatusOf(job.failure);
}

function endLines(job: LogsJob, daemon: boolean): string[] {
  const size = job.length === null ? '' : ` (${showSize(job.length)})`;
  switch (job.state) {
    case 'sent':
      return [
        `Sent bundle ${job.job}${size} to ${job.url ?? '-'}. Quote ${job.job} to support. Receipt ${job.receipt}.`,
      ];
    case 'prepared':
      return [
        `Prepared bundle ${job.job}${size}. Nothing was sent.`,
        `  sallyport send-logs show ${job.job}      shows what it contains`,
        `  sallyport send-logs approve ${job.job}   sends exactly that`,
      ];
    case 'held':
      return [`Bundle ${job.job} is held and not sent.`, ...reasonLines(job)];
    case 'failed':
      return [`Bundle ${job.job} was not sent.`, ...reasonLines(job)];
    default: {
      const when = job.next_try === null ? 'later' : `at ${timeText(job.next_try)}`;
      const who = daemon ? `The daemon tries again ${when}.` : 'The daemon tries again when it runs.';
      return [`Bundle ${job.job} is not sent yet. ${who}`, ...reasonLines(job)];
    }
  }
}

function reasonLines({ failure }: LogsJob): string[] {
  return failure === null ? [] : [`  ${failureText(failure)}`];
}
