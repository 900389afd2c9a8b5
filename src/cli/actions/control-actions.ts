// The functions that `program.ts` calls for the commands that send requests to the daemon, and for `logs`, which reads
// files. `sallyport.ts` passes in the parts that they need. The code of a command is loaded only when it runs.

import { join } from 'node:path';
import type { Actions } from '#cli/program/program.ts';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { LogsActions } from '#cli/program/program-logs.ts';
import type { PlatformActions } from '#cli/program/program-platform.ts';
import type { QueueActions } from '#cli/program/program-queue.ts';
import type { UpdatesActions } from '#cli/program/program-updates.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { Control } from '#control/control.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import type { Report } from '#logging/events.ts';
import type { Redactor } from '#redaction/redact.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';
import { logsActions } from './logs-actions.ts';

export interface ControlActionParts {
  readonly terminal: Terminal;
  readonly known: Redactor;
  readonly signal: AbortSignal;
  withControl(globals: Globals, use: (control: Control) => Promise<number>): Promise<number>;
  /** The folder of the log, by the configuration; the default one if that cannot be read. */
  logFolder(globals: Globals): Promise<string>;
  /** A path that was given to a command, from its current folder. */
  absolute(path: string): string;
  ownDaemon(globals: Globals): Promise<Control | null>;
  /** Shows events in the format of the log while a command works. */
  liveOnScreen(work: (show: Report) => Promise<number>): Promise<number>;
}

const LOG_NAME = 'sallyport.log';
/** Lines that `logs -f` begins with. */
const FOLLOWED_LINES = 10;

type ControlActions = Pick<
  Actions,
  | 'check'
  | 'status'
  | 'explainTimeout'
  | 'metrics'
  | 'logs'
  | 'completion'
  | keyof QueueActions
  | keyof PlatformActions
  | keyof LogsActions
  | keyof UpdatesActions
>;

/** The commands, under the names that the program calls. */
export function controlActions(parts: ControlActionParts): ControlActions {
  const { terminal, signal, withControl } = parts;
  return {
    ...queueActions(parts),
    ...platformActions(parts),
    ...logsActions(parts),
    ...updatesActions(parts),
    completion: async (shell) => {
      const { completionScript } = await import('#cli/completion/scripts.ts');
      terminal.out(completionScript(shell).trimEnd());
      return EXIT_OK;
    },
    check: async (globals, options) => {
      const { checkCommand } = await import('#cli/check.ts');
      return await withControl(globals, (control) =>
        parts.liveOnScreen((show) => checkCommand(control, terminal, { ...options, signal, show })),
      );
    },
    status: async (globals, options) => {
      if (options.check) {
        const { healthCommand } = await import('#cli/health.ts');
        return await healthCommand(terminal, { find: () => parts.ownDaemon(globals), known: parts.known });
      }
      if (options.watch) {
        const { watchCommand } = await import('#cli/watch/status-watch.ts');
        return await watchCommand(terminal, { find: () => parts.ownDaemon(globals), clock: systemClock, signal });
      }
      const { statusCommand } = await import('#cli/status.ts');
      return await withControl(globals, (control) => statusCommand(control, terminal, options));
    },
    logs: async (globals, { id = null, purpose, level, since, lines, follow }) => {
      const { logsCommand, readWishes } = await import('#cli/watch/logs.ts');
      const wishes = readWishes({
        id,
        purpose: purpose ?? null,
        level,
        since: since ?? null,
        nowMs: systemClock.now(),
      });
      const path = join(await parts.logFolder(globals), LOG_NAME);
      const last = lines ?? (follow && since === undefined ? FOLLOWED_LINES : null);
      const around = { files: realFiles, clock: systemClock, signal };
      return await logsCommand(terminal, { path, wishes, last, follow, ...around });
    },
    metrics: async (globals, { textfile }) => {
      const { metricsCommand } = await import('#cli/watch/metrics.ts');
      const path = textfile === null ? null : parts.absolute(textfile);
      return await withControl(globals, (control) =>
        metricsCommand(control, terminal, { textfile: path, files: realFiles }),
      );
    },
    explainTimeout: async (globals, options) => {
      const { explainTimeoutCommand } = await import('#cli/timeout-explain.ts');
      return await withControl(globals, (control) => explainTimeoutCommand(control, terminal, options));
    },
  };
}

function updatesActions(parts: ControlActionParts): UpdatesActions {
  const { terminal, signal, withControl } = parts;
  const updates = () => import('#cli/updates.ts');
  const holds = () => import('#cli/updates/hold.ts');
  return {
    listUpdates: async (globals, options) => {
      const { listUpdatesCommand } = await updates();
      return await withControl(globals, (control) => listUpdatesCommand(control, terminal, options));
    },
    verifyUpdates: async (globals, options) => {
      const { verifyUpdatesCommand } = await updates();
      return await withControl(globals, (control) => verifyUpdatesCommand(control, terminal, { ...options, signal }));
    },
    forgetSerial: async (globals, options) => {
      const { forgetSerialCommand } = await updates();
      return await withControl(globals, (control) => forgetSerialCommand(control, terminal, options));
    },
    runHook: async (globals, options) => {
      const { runHookCommand } = await updates();
      return await withControl(globals, (control) =>
        parts.liveOnScreen((show) => runHookCommand(control, terminal, { ...options, signal, show })),
      );
    },
    holdUpdates: async (globals, options) => {
      const { holdCommand } = await holds();
      return await withControl(globals, (control) =>
        holdCommand(control, terminal, { ...options, nowMs: systemClock.now() }),
      );
    },
    exportUpdates: async (globals, options) => {
      const { exportCommand } = await import('#cli/updates/medium.ts');
      const live = (work: (show: Report) => Promise<number>) => parts.liveOnScreen(work);
      return await withControl(globals, (control) =>
        exportCommand(control, terminal, { ...options, files: realFiles, signal, live }),
      );
    },
    importUpdates: async (globals, options) => {
      const { importCommand } = await import('#cli/updates/medium.ts');
      return await withControl(globals, (control) =>
        parts.liveOnScreen((show) => importCommand(control, terminal, { ...options, signal, show })),
      );
    },
    mirror: async (globals, options) => {
      const { mirrorCommand } = await import('#cli/updates/medium.ts');
      return await withControl(globals, (control) =>
        parts.liveOnScreen((show) => mirrorCommand(control, terminal, { ...options, signal, show })),
      );
    },
    releaseUpdates: async (globals, options) => {
      const { releaseCommand } = await holds();
      return await withControl(globals, (control) => releaseCommand(control, terminal, options));
    },
    publishUpdate: async (globals, options) => {
      const { publishCommand } = await holds();
      return await withControl(globals, (control) =>
        parts.liveOnScreen((show) => publishCommand(control, terminal, { ...options, signal, show })),
      );
    },
  };
}

function platformActions({ terminal, withControl }: ControlActionParts): PlatformActions {
  const commands = () => import('#cli/platform/platform.ts');
  return {
    previewReport: async (globals) => {
      const { previewCommand } = await commands();
      return await withControl(globals, (control) => previewCommand(control, terminal));
    },
    listAdvice: async (globals, options) => {
      const { adviceCommand } = await commands();
      return await withControl(globals, (control) => adviceCommand(control, terminal, options));
    },
  };
}

function queueActions({ terminal, signal, withControl }: ControlActionParts): QueueActions {
  const commands = () => import('#cli/queue.ts');
  return {
    listQueue: async (globals, options) => {
      const { listQueueCommand } = await commands();
      return await withControl(globals, (control) => listQueueCommand(control, terminal, options));
    },
    showQueued: async (globals, options) => {
      const { showQueuedCommand } = await commands();
      return await withControl(globals, (control) =>
        showQueuedCommand(control, terminal, { ...options, clock: systemClock }),
      );
    },
    retryQueued: async (globals, options) => {
      const { retryQueuedCommand } = await commands();
      return await withControl(globals, (control) => retryQueuedCommand(control, terminal, options));
    },
    dropQueued: async (globals, options) => {
      const { dropQueuedCommand } = await commands();
      return await withControl(globals, (control) => dropQueuedCommand(control, terminal, options));
    },
    verifyQueue: async (globals, options) => {
      const { verifyQueueCommand } = await commands();
      return await withControl(globals, (control) => verifyQueueCommand(control, terminal, { ...options, signal }));
    },
  };
}
