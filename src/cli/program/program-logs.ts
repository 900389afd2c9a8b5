// The commands `sallyport send-logs` and `sallyport sent` with their options and help.

import { type Command, InvalidArgumentError } from 'commander';
import type { SendLogsArguments } from '#cli/logs/send-logs.ts';
import { filled } from '#cli/terminal/wrap.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** The actions that `sallyport.ts` provides. Each returns the exit status. */
export interface LogsActions {
  sendLogs(globals: Globals, options: SendLogsArguments): Promise<number>;
  listLogs(globals: Globals, options: { json: boolean }): Promise<number>;
  showLogs(globals: Globals, options: { job: string; file: string | null; json: boolean }): Promise<number>;
  approveLogs(globals: Globals, options: { id: string; json: boolean }): Promise<number>;
  denyLogs(globals: Globals, options: { id: string; json: boolean }): Promise<number>;
  deleteLogs(globals: Globals, options: { job: string }): Promise<number>;
  listLogsRequests(globals: Globals, options: { json: boolean }): Promise<number>;
  listSent(globals: Globals, options: { limit: number; json: boolean }): Promise<number>;
}

interface SendLogsOptions {
  readonly case?: string;
  readonly note?: string;
  readonly since?: string;
  readonly prepare: boolean;
  readonly output?: string;
  readonly dryRun: boolean;
  readonly json: boolean;
}

const JOB_HELP = 'ID of the job, as `sallyport send-logs list` shows it';

/** Adds `send-logs` with its commands, and `sent`. */
export function addLogsCommands(program: Command, actions: LogsActions, { globals, does }: Hooks): void {
  const logs = program
    .command('send-logs')
    .description('collect support logs, mask secrets in them, and send them to the vendor')
    .addHelpText('after', filled(LOGS_HELP));
  logs
    .command('send', { isDefault: true })
    .description('make a bundle and send it; you can leave out the word send')
    .argument('[file]', 'a bundle that was made elsewhere with --output')
    .option('--case <id>', 'number of the support case', readLine(64))
    .option('--note <text>', 'a note for the support staff', readLine(1_000))
    .option(
      '--since <time>',
      'only entries from this time on: a duration such as 6h or 3d, or a time such as 2026-11-30T06:00:00Z',
    )
    .option('--prepare', 'stop before the upload, so that you can look at the bundle', false)
    .option('--output <file>', 'save the bundle to a new file instead of sending it, for hosts without a connection')
    .option('--dry-run', 'only list the files, and how many values each rule would mask', false)
    .option('--json', 'the result as JSON; all times are UTC', false)
    .action(
      does((file: string | undefined, options: SendLogsOptions) =>
        actions.sendLogs(globals(), {
          file: file ?? null,
          case: options.case ?? null,
          note: options.note ?? null,
          since: options.since ?? null,
          prepare: options.prepare,
          output: options.output ?? null,
          dryRun: options.dryRun,
          json: options.json,
        }),
      ),
    );
  addJobCommands(logs, actions, { globals, does });
  addRequestCommands(logs, actions, { globals, does });
  program
    .command('sent')
    .description('list what left this host in the last 400 days: bundles of support logs, and analytics by day')
    .option('--limit <lines>', 'the newest lines', readLimit, 100)
    .option('--json', 'as JSON; all times are UTC', false)
    .action(does((options: { limit: number; json: boolean }) => actions.listSent(globals(), options)));
}

function addJobCommands(logs: Command, actions: LogsActions, { globals, does }: Hooks): void {
  logs
    .command('list')
    .description('list the bundles on this host, with their states')
    .option('--json', 'as JSON; all times are UTC', false)
    .action(does((options: { json: boolean }) => actions.listLogs(globals(), options)));
  logs
    .command('show')
    .description('show what a bundle contains, or print one of its files exactly as it is sent')
    .argument('<job>', JOB_HELP)
    .argument('[file]', 'name of a file in the bundle')
    .option('--json', 'as JSON; all times are UTC', false)
    .action(
      does((job: string, file: string | undefined, options: { json: boolean }) =>
        actions.showLogs(globals(), { job, file: file ?? null, ...options }),
      ),
    );
  logs
    .command('approve')
    .description('send a prepared bundle, or allow a request of the platform')
    .argument('<id>', 'ID of the job, or of the request')
    .option('--json', 'the result as JSON', false)
    .action(does((id: string, options: { json: boolean }) => actions.approveLogs(globals(), { id, ...options })));
  logs
    .command('delete')
    .description('delete a bundle that is not waiting for its upload; for a waiting bundle, use queue drop')
    .argument('<job>', JOB_HELP)
    .action(does((job: string) => actions.deleteLogs(globals(), { job })));
}

function addRequestCommands(logs: Command, actions: LogsActions, { globals, does }: Hooks): void {
  logs
    .command('requests')
    .description('list the requests of the platform for support logs')
    .option('--json', 'as JSON; all times are UTC', false)
    .action(does((options: { json: boolean }) => actions.listLogsRequests(globals(), options)));
  logs
    .command('deny')
    .description('deny a request of the platform; nothing is collected')
    .argument('<id>', 'ID of the request')
    .option('--json', 'as JSON', false)
    .action(does((id: string, options: { json: boolean }) => actions.denyLogs(globals(), { id, ...options })));
}

function readLine(max: number): (text: string) => string {
  return (text) => {
    if (text !== '' && text.length <= max && !/\p{Cc}/u.test(text)) return text;
    throw new InvalidArgumentError(`Use one line of 1 to ${max} characters.`);
  };
}

function readLimit(text: string): number {
  const limit = Number(text);
  if (/^[0-9]{1,5}$/.test(text) && limit >= 1 && limit <= 10_000) return limit;
  throw new InvalidArgumentError('Use a number from 1 to 10000.');
}

const LOGS_HELP = `
Support logs must be enabled (support_logs.enabled). support_logs.sources lists the logs that are collected; no option adds to
this list. Before anything is packed, the secrets of the configuration and all texts that match the redaction rules are masked.

The daemon does the work. You can stop waiting with ENTER or Ctrl-C; the daemon continues. Give the ID of the job to the
vendor's support. If no daemon is running, this command does the work itself.

To see what would be sent before it is sent: send-logs --prepare, then send-logs show JOB [FILE], then send-logs approve JOB.
The files that you name are opened with your rights, never with those of the daemon.`;
