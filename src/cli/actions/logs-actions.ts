// The functions that `program.ts` calls for the commands `send-logs` and `sent`. The code of a command is loaded only
// when it runs.

import type { Globals } from '#cli/program/program-hooks.ts';
import type { LogsActions } from '#cli/program/program-logs.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Control } from '#control/control.ts';
import type { LogsJob } from '#control/uploads/send-logs.ts';
import type { Report } from '#logging/events.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';

const commands = () => import('#cli/logs/send-logs.ts');

interface LogsActionParts {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  withControl(globals: Globals, use: (control: Control) => Promise<number>): Promise<number>;
  /** Shows events in the format of the log while a command works. */
  liveOnScreen(work: (show: Report) => Promise<number>): Promise<number>;
}

/** The commands, under the names that the program calls. */
export function logsActions({ terminal, signal, withControl, liveOnScreen }: LogsActionParts): LogsActions {
  const live = async (work: (show: Report) => Promise<LogsJob | null>) => {
    let job: LogsJob | null = null;
    await liveOnScreen(async (show) => {
      job = await work(show);
      return 0;
    });
    return job;
  };
  const parts = { signal, live };
  return {
    sendLogs: async (globals, args) => {
      const { sendLogsCommand } = await commands();
      const given = { args, parts: { ...parts, files: realFiles, nowMs: systemClock.now() } };
      return await withControl(globals, (control) => sendLogsCommand(control, terminal, given));
    },
    listLogs: async (globals, { json }) => {
      const { listLogsCommand } = await commands();
      return await withControl(globals, (control) => listLogsCommand(control, terminal, json));
    },
    showLogs: async (globals, options) => {
      const { showLogsCommand } = await commands();
      return await withControl(globals, (control) => showLogsCommand(control, terminal, options));
    },
    approveLogs: async (globals, options) => {
      const { approveLogsCommand } = await commands();
      return await withControl(globals, (control) => approveLogsCommand(control, terminal, { ...options, parts }));
    },
    denyLogs: async (globals, options) => {
      const { denyLogsCommand } = await commands();
      return await withControl(globals, (control) => denyLogsCommand(control, terminal, options));
    },
    deleteLogs: async (globals, { job }) => {
      const { deleteLogsCommand } = await commands();
      return await withControl(globals, (control) => deleteLogsCommand(control, terminal, job));
    },
    listLogsRequests: async (globals, { json }) => {
      const { listLogsRequestsCommand } = await commands();
      return await withControl(globals, (control) => listLogsRequestsCommand(control, terminal, json));
    },
    listSent: async (globals, options) => {
      const { sentCommand } = await import('#cli/logs/sent.ts');
      return await withControl(globals, (control) => sentCommand(control, terminal, options));
    },
  };
}
