// `sallyport run`: the daemon in the foreground. It starts the configuration, the log, the state, the control socket
// and the schedule, in this order. On SIGTERM or SIGINT it stops them in the reverse order and keeps partial downloads.
//
// Guarantees: invalid settings end the program before it changes any file, with all errors and exit status 78. A failed
// check for updates never ends it. After one signal it ends within 10 s, even if something hangs (`last-resort.ts`). A
// second signal ends it at once.

import type { Environment } from '#config/places.ts';
import type { LoadedSettings } from '#config/reading/load.ts';
import type { Failure } from '#control/control.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { LogForm } from '#logging/log.ts';
import type { Screen } from '#logging/terminal.ts';
import type { KnownSecrets } from '#redaction/known-secrets.ts';
import { onAbort } from '#system/abort.ts';
import type { ServiceVariables } from '#system/process/environment.ts';
import type { LastResort } from '#system/process/last-resort.ts';
import { Agent } from './agent.ts';
import { reportRoutes } from './answers/routes.ts';
import { compose } from './compose.ts';
import { toFailure } from './failure.ts';
import type { LoadAgain, Parts } from './parts.ts';
import { HostPlatform } from './platform/platform.ts';
import { followConfig } from './reload/follow-config.ts';
import { reportWarnings } from './reload/reload.ts';
import { HoldEnd } from './schedule/hold-end.ts';
import { LogsSchedule } from './schedule/logs-schedule.ts';
import { reasonOf, runRounds } from './schedule/rounds.ts';
import { serveSockets } from './service/control-sockets.ts';
import { openService } from './service/service.ts';
import { reportExposed } from './service/state-folder.ts';
import { Telemetry } from './uploads/telemetry.ts';

export interface RunOptions {
  readonly loaded: LoadedSettings;
  /** Reads the file again, in the same way as for `loaded`. */
  readonly load: LoadAgain;
  readonly known: KnownSecrets;
  readonly version: string;
  readonly environment?: Environment;
  /** The folder of the checkout that the program runs from; null for an installation. */
  readonly checkout?: string | null;
  readonly screen: Screen;
  /** The form of lines on the screen; null: as `logging.stdout` says. */
  readonly form: LogForm | null;
  /** Runs one round and ends. */
  readonly once: boolean;
  /** Aborted with a reason when the process is to stop. */
  readonly signal: AbortSignal;
  readonly lastResort: LastResort;
  /** The variables that the service manager set for this process. */
  readonly service: ServiceVariables;
  /** Takes the events in place of the log. */
  readonly report?: Report;
  /** Called after each round, with its first failure; not with `once`. */
  onRound?(failure: Failure | null): void;
}

/** The result of a run: with `once`, the first failure of its one round, otherwise null. */
export async function runDaemon(options: RunOptions): Promise<Failure | null> {
  const { loaded, known, version, environment = {}, checkout = null, screen, form, load } = options;
  const { report } = options;
  const around = { environment, checkout, load, ...(report === undefined ? {} : { report }) };
  const parts = await compose({ loaded, known, version, ...around, mode: 'daemon', terminal: { screen, form } });
  await reportExposed({ ...parts, folders: [parts.config.loaded.settings.daemon.state_dir, parts.ports.store.dir] });
  const agent = new Agent(parts);
  process.on('SIGUSR2', parts.reopenLog);
  const dismiss = options.lastResort.register({
    running: () => agent.busyWith,
    onForcedEnd: (error) => parts.report({ name: 'fault', error }),
  });
  const service = await openService(parts, options.service);
  // The signal may have arrived while the parts were being made.
  const stopListening = onAbort(options.signal, service.stopping);
  try {
    announce(parts, parts.config.loaded);
    const control = await serveSockets(parts, agent, loaded.settings);
    try {
      // One round is about updates alone.
      if (!options.once) await parts.uploads.start();
      service.ready();
      if (options.once) return await oneRound(parts, agent, options.signal);
      parts.activation.start();
      parts.config.watch({ ended: (outcome) => outcome === 'applied' && parts.activation.settingsChanged() });
      const gate = agent.makeGate(options.signal);
      await gate.keep(parts.config.loaded);
      const follower = followConfig(parts, options.load, gate);
      agent.attachFile({ gate, readAgain: () => follower.readNow() });
      const logs = await LogsSchedule.start(parts);
      const platform = await HostPlatform.start(parts, {
        check: () => agent.freshRound(),
        activation: activationOf(parts),
      });
      const holdEnd = new HoldEnd(parts, agent);
      holdEnd.start();
      const telemetry = new Telemetry(parts, control.metrics);
      // Not awaited: nothing waits for telemetry.
      void telemetry.start();
      try {
        await runRounds(parts, agent, {
          signal: options.signal,
          onRound: ({ error, failed }) => {
            const first = error ?? failed[0]?.error ?? null;
            options.onRound?.(first === null ? null : toFailure(first, parts.redactor));
          },
        });
      } finally {
        logs.stop();
        await telemetry.stop();
        await platform.stop();
        holdEnd.stop();
        await follower.stop();
      }
      return null;
    } finally {
      await agent.stop('Sallyport is stopping');
      await parts.activation.stop();
      await control.close();
    }
  } finally {
    parts.report({ name: 'stopped' });
    stopListening();
    service.close();
    dismiss();
    process.off('SIGUSR2', parts.reopenLog);
    parts.close();
  }
}

/** The activation of this host, as the link to the platform needs it. */
function activationOf({ activation }: Parts) {
  return {
    get state() {
      return activation.state;
    },
    renew: (signal: AbortSignal) => activation.renew(signal),
    signer: (url: URL) => activation.signerFor('platform', { method: 'POST', url }),
  };
}

function announce(parts: Parts, loaded: LoadedSettings): void {
  const { report } = parts;
  report({ name: 'started', version: parts.ports.agent.version, pid: process.pid, file: loaded.file });
  reportWarnings(loaded.warnings, report);
  reportRoutes(parts.ports.router, loaded.settings, report);
}

async function oneRound(parts: Parts, agent: Agent, signal: AbortSignal): Promise<Failure | null> {
  const stop = () => {
    parts.report({ name: 'stopping', reason: reasonOf(signal) });
    void agent.stop(reasonOf(signal));
  };
  // The signal may have arrived while the parts were being made.
  onAbort(signal, stop);
  try {
    const { failure, failed } = await agent.round();
    const hook = await agent.hooksSettled();
    return failure ?? failed[0]?.failure ?? (hook === null ? null : toFailure(hook, parts.redactor));
  } catch (thrown) {
    return toFailure(asCoded(thrown), parts.redactor);
  }
}
