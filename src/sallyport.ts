// Runs any command: reads its arguments, and finds a running daemon or composes the parts in this process.
//
// Only this file depends on all modules. It imports the code of a command only when that command runs, so that the
// program starts fast (test/architecture/start.test.ts).

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { controlActions } from '#cli/actions/control-actions.ts';
import { type FoundControl, type NoDiagnosis, networkActions } from '#cli/actions/network-actions.ts';
import { configActions, proxyActions } from '#cli/actions/proxy-actions.ts';
import { trustActions } from '#cli/actions/trust-actions.ts';
import { type Actions, runProgram } from '#cli/program/program.ts';
import type { Globals } from '#cli/program/program-hooks.ts';
import type { CommandContext } from '#cli/settings/command-context.ts';
import { exitStatusOf, printError } from '#cli/terminal/failure.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { CHANGE_SOCKET, findCheckout, findPlaces, type Places, placesOfDaemon } from '#config/places.ts';
import { readGateways } from '#config/reading/host-gateways.ts';
import type { LoadedSettings, LoadOptions, LoadResult, RefusedSettings } from '#config/reading/load.ts';
import type { Authority, Control, Diagnosis } from '#control/control.ts';
import type { EndpointList } from '#control/endpoints.ts';
import type { TimeoutSeeded } from '#control/timeouts.ts';
import type { LoadAgain, TextBounds } from '#daemon/parts.ts';
import { proxyVariables } from '#diagnose/shell.ts';
import type { Code } from '#errors/catalogue.ts';
import { asCoded } from '#errors/coded-error.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import type { Report } from '#logging/events.ts';
import type { LogForm } from '#logging/log.ts';
import { createRedactor, type SpanRedactor } from '#redaction/redact.ts';
import { systemClock } from '#system/clock.ts';
import { processWords, type TakenEnvironment } from '#system/process/environment.ts';
import { realFiles } from '#system/real-files.ts';
import { Zone } from '#system/time/zone.ts';
import { type DaemonOptions, demoAction } from './demo-action.ts';
import type { Host, RunSallyport } from './host.ts';
import { vendorActions } from './vendor-actions.ts';
import { VERSION } from './version.ts';

/** Runs any command; returns its exit status. `runAgain` runs another command as a new run of the program. */
export async function runCommand(args: readonly string[], host: Host, runAgain: RunSallyport): Promise<number> {
  const actions = new Sallyport(host, runAgain).actions();
  return await runProgram(args, { actions, terminal: host.terminal, version: VERSION });
}

/** Errors at start that only a changed configuration fixes, so the service manager must not restart the daemon. */
const REFUSED_AT_START: ReadonlySet<Code> = new Set<Code>(['POLICY-DIRECT', 'TLS-FILE']);

async function loadSettings(options: LoadOptions): Promise<LoadResult> {
  const { loadSettings: load } = await import('#config/reading/load.ts');
  return await load(options);
}

class Sallyport {
  readonly #host: Host;
  readonly #terminal: Terminal;
  readonly #redactor: SpanRedactor;
  readonly #environment: TakenEnvironment['environment'];
  readonly #places: Places;
  readonly #checkout: string | null;
  readonly #runAgain: RunSallyport;

  constructor(host: Host, runAgain: RunSallyport) {
    this.#host = host;
    this.#runAgain = runAgain;
    this.#terminal = host.terminal;
    this.#redactor = createRedactor(host.known);
    this.#environment = host.environment.environment;
    const { root } = host;
    this.#places = findPlaces({ root, environment: this.#environment, exists: existsSync });
    this.#checkout = findCheckout({ root, exists: existsSync });
  }

  /** What each command does. */
  actions(): Actions {
    const terminal = this.#terminal;
    const signal = this.#host.stopping;
    const withControl = this.#withControl.bind(this);
    const { known } = this.#host;
    return {
      run: (globals, options) => this.#run(globals, options),
      ...controlActions({
        terminal,
        known: this.#redactor,
        signal,
        withControl,
        logFolder: (globals) => this.#logFolder(globals),
        absolute: (path) => resolve(path),
        ownDaemon: (globals) => this.#ownDaemon(globals),
        liveOnScreen: (work) => this.#liveOnScreen(work),
      }),
      estimateTimeout: (globals, options) => this.#estimateTimeout(globals, options),
      ...this.#networkActions(),
      ...proxyActions({ context: (globals) => this.#commandContext(globals), withControl }),
      ...this.#screenActions(),
      ...configActions({
        terminal,
        known: this.#redactor,
        load: (globals) => this.#loadWithoutSecrets(globals),
        context: (globals) => this.#commandContext(globals),
        environment: this.#environment,
      }),
      serveChanges: (globals) => this.#serveChanges(globals),
      submit: async (globals, options) => {
        const { submitAction } = await import('./submit-action.ts');
        const parts = { terminal, known, environment: this.#environment, places: this.#places, signal };
        return await submitAction(parts).submit(globals, options);
      },
      fetchOne: async (globals, options) => {
        const { fetchAction } = await import('./fetch-action.ts');
        const { readUmask } = await import('#system/process/umask.ts');
        const parts = { terminal, known, environment: this.#environment, places: this.#places, version: VERSION };
        const around = { signal, folder: process.cwd(), umask: readUmask() };
        return await fetchAction({ ...parts, ...around }, globals, options);
      },
      systemdDropIn: async (globals, options) => {
        const loaded = await this.#loadWithoutSecrets(globals);
        if (!loaded.ok) return await this.#printProblems(loaded);
        const { printDropIn } = await import('./systemd-action.ts');
        return await printDropIn(terminal, loaded, { endpoints: await listEndpoints(loaded), ...options });
      },
      version: async (options) => {
        const { printVersions } = await import('#cli/terminal/versions.ts');
        printVersions(terminal, await (await import('./version-action.ts')).collectVersions(VERSION), options);
        return EXIT_OK;
      },
      activation: async () =>
        (await import('./activation-actions.ts')).activationActions({ terminal, signal, withControl, known }),
      ...trustActions({ terminal, withControl }),
      ...vendorActions({ ...this.#host, environment: this.#environment }),
      ...demoAction({
        terminal,
        signal,
        stateDir: this.#places.stateDir,
        runAgent: (config, daemon) => this.#run({ config }, { once: false, log: 'text', ...daemon }),
        runCommand: (args, given) => this.#runAgain(args, { ...this.#host, ...given }),
      }),
    };
  }

  /** The menu and the pages of the console. */
  #screenActions(): Pick<Actions, 'menu' | 'webConsole'> {
    const own = { environment: this.#environment, places: this.#places };
    const program = { checkout: this.#checkout, known: this.#redactor, version: VERSION };
    return {
      menu: async (globals, options) =>
        await (await import('./menu-action.ts')).runMenuCommand(this.#commandContext(globals), {
          ...own,
          file: resolve(this.#fileOf(globals)),
          ...options,
        }),
      webConsole: async (globals, options) =>
        await (await import('./console-action.ts')).runConsoleCommand({
          ...own,
          ...program,
          file: resolve(this.#fileOf(globals)),
          context: () => this.#commandContext(globals),
          connect: () => this.#findDaemon(globals),
          ...options,
        }),
    };
  }

  #networkActions(): ReturnType<typeof networkActions> {
    return networkActions({
      terminal: this.#terminal,
      redactor: this.#redactor,
      shell: proxyVariables(this.#environment),
      findDaemon: (globals) => this.#findDaemon(globals),
      openInProcess: (globals, loaded) => this.#openInProcess(globals, loaded),
      load: (globals) => this.#loadWithoutSecrets(globals),
      endpointsOfFile: listEndpoints,
      undiagnosed: (globals, why) => this.#whyUndiagnosed(globals, why),
      signal: this.#host.stopping,
    });
  }

  async #printProblems(refused: RefusedSettings): Promise<number> {
    const { printProblems } = await import('#cli/settings/config.ts');
    return printProblems(this.#terminal, refused);
  }

  /** Loads the settings from the text if one is given, otherwise from the file. */
  #loadText(globals: Globals, text?: string, bounds?: TextBounds): Promise<LoadResult> {
    return loadSettings({ ...this.#loadOptions(globals), ...bounds, ...(text === undefined ? {} : { text }) });
  }

  /** For commands that use no secret. They also work for root, outside the service and without its credentials. */
  #loadWithoutSecrets(globals: Globals): Promise<LoadResult> {
    return loadSettings({ ...this.#loadOptions(globals), mayLackCredentials: true });
  }

  #loadOptions(globals: Globals): LoadOptions {
    const { known } = this.#host;
    return { file: this.#fileOf(globals), places: this.#places, environment: this.#environment, known };
  }

  #fileOf(globals: Globals): string {
    return globals.config ?? this.#places.config;
  }

  /** The settings, and the daemon of this file, if one runs. */
  async #findDaemon(globals: Globals): Promise<FoundControl & { readonly authority: Authority | null }> {
    const { findDaemonAt } = await import('#cli/find-daemon.ts');
    const { VERBS } = await import('#control/control.ts');
    const loaded = await loadSettings(this.#loadOptions(globals));
    const file = resolve(this.#fileOf(globals));
    const daemon = loaded.ok
      ? loaded.settings.daemon
      : (loaded.daemon ?? placesOfDaemon(file, undefined, this.#places));
    const { socket, running, other } = await findDaemonAt(file, daemon, VERBS);
    return { loaded, socket, control: running?.control ?? null, authority: running?.authority ?? null, other };
  }

  /** The daemon of this file; null if none runs. @throws CodedError CONTROL-OTHER-FILE */
  async #ownDaemon(globals: Globals): Promise<Control | null> {
    const { control, other } = await this.#findDaemon(globals);
    if (other !== null) throw other;
    return control;
  }

  /** Runs a command with the Control of the running daemon, or with one in this process, and closes it afterwards. */
  async #withControl(globals: Globals, use: (control: Control) => Promise<number>): Promise<number> {
    const { loaded, socket, control: found, other } = await this.#findDaemon(globals);
    let control: Control | null = found;
    if (control !== null) {
      // Errors in the file do not matter here: the daemon has also rejected it and uses the previous settings.
      const { printAnsweringDaemon } = await import('#cli/terminal/answering-daemon.ts');
      printAnsweringDaemon(this.#terminal, socket);
    } else {
      if (!loaded.ok) return await this.#printProblems(loaded);
      if (other !== null) throw other;
      control = await this.#openInProcess(globals, loaded);
    }
    try {
      return await use(control);
    } finally {
      await control.close();
    }
  }

  /** The folder of the log; the default one if the configuration cannot be used. */
  async #logFolder(globals: Globals): Promise<string> {
    const loaded = await this.#loadWithoutSecrets(globals);
    if (loaded.ok) return loaded.settings.logging.dir;
    const { logsDir } = this.#places;
    this.#terminal.err(`The configuration cannot be used (${loaded.error.code}). Reading the log in ${logsDir}.`);
    return logsDir;
  }

  /** Control in this process, if no daemon runs. The modules are imported here, so other commands do not load them. */
  async #openInProcess(globals: Globals, loaded: LoadedSettings): Promise<Control> {
    const { openInProcess } = await import('#daemon/in-process.ts');
    const load: LoadAgain = (text, bounds) => this.#loadText(globals, text, bounds);
    const { known } = this.#host;
    return await openInProcess({
      loaded,
      known,
      version: VERSION,
      environment: this.#environment,
      load,
      checkout: this.#checkout,
    });
  }

  async #run(globals: Globals, options: { once: boolean; log?: LogForm } & Partial<DaemonOptions>): Promise<number> {
    const loaded = await loadSettings(this.#loadOptions(globals));
    if (!loaded.ok) {
      await this.#printProblems(loaded);
      return EXIT_STATUS.config;
    }
    const { runDaemon } = await import('#daemon/run.ts');
    const { known, lastResort, stopping, environment } = this.#host;
    const start = runDaemon({
      loaded,
      load: (text, bounds) => this.#loadText(globals, text, bounds),
      known,
      environment: this.#environment,
      checkout: this.#checkout,
      version: VERSION,
      screen: this.#terminal.screen,
      form: options.log ?? null,
      once: options.once,
      signal: options.signal ?? stopping,
      lastResort,
      service: environment.service,
      onRound: (failure) => options.onRound?.(failure === null ? EXIT_OK : exitStatusOf(failure)),
    });
    try {
      const failure = await start;
      return failure === null ? EXIT_OK : exitStatusOf(failure);
    } catch (thrown) {
      const error = asCoded(thrown);
      if (!REFUSED_AT_START.has(error.code)) throw thrown;
      printError(this.#terminal, error, this.#redactor);
      return EXIT_STATUS.config;
    }
  }

  /** The diagnosis that says why none is possible. */
  async #whyUndiagnosed(globals: Globals, why: NoDiagnosis): Promise<Diagnosis> {
    const { undiagnosed } = await import('#daemon/trial/undiagnosed.ts');
    const shell = proxyVariables(this.#environment);
    const file = this.#fileOf(globals);
    return undiagnosed(why, { file, version: VERSION, nowMs: systemClock.now(), shell, redactor: this.#redactor });
  }

  /** This process reads the files with the rights of its user, even if a daemon runs. */
  readonly #estimateTimeout: Actions['estimateTimeout'] = async (globals, { json, yes, apply, ...given }) => {
    const { estimateTimeout: read } = await import('#estimate/estimate.ts');
    const { log: logs, packages: packagesDir, timeZone } = given;
    const zone = new Zone(timeZone);
    const estimate = () => read({ logs, packagesDir, files: realFiles, zone, signal: this.#host.stopping });
    if (!apply) {
      const { estimateCommand } = await import('#cli/timeout-estimate.ts');
      return await estimateCommand(this.#terminal, { json, estimate });
    }
    const { applyEstimateCommand } = await import('#cli/settings/timeout-apply.ts');
    return await applyEstimateCommand(this.#commandContext(globals), {
      json,
      yes,
      estimate,
      seed: async (seeds) => {
        let seeded: TimeoutSeeded | null = null;
        await this.#withControl(globals, async (control) => {
          seeded = await control.seedTimeout(seeds);
          return EXIT_OK;
        });
        return seeded;
      },
    });
  };

  /** Shows events in the format of the log while a command works. */
  async #liveOnScreen(work: (show: Report) => Promise<number>): Promise<number> {
    const { TerminalLog } = await import('#logging/terminal.ts');
    const { toRecord } = await import('#logging/record.ts');
    const screen = new TerminalLog(this.#terminal.screen, systemClock);
    try {
      return await work((event) => {
        const record = toRecord(event, systemClock.now(), this.#redactor);
        if (event.name === 'progress') screen.progress(record);
        else if (record.level !== 'debug') screen.line(record);
      });
    } finally {
      screen.close();
    }
  }

  /** The context of a command that edits the configuration file. */
  #commandContext(globals: Globals): CommandContext {
    const file = resolve(this.#fileOf(globals));
    return {
      terminal: this.#terminal,
      files: realFiles,
      clock: systemClock,
      known: this.#redactor,
      keepSecret: (value) => this.#host.known.add(value),
      load: (text) =>
        loadSettings({
          ...this.#loadOptions(globals),
          mayLackCredentials: true,
          ...(text === undefined ? {} : { text }),
        }),
      findDaemon: () => this.#ownDaemon(globals),
      openControl: async () => {
        const { loaded, control, other } = await this.#findDaemon(globals);
        if (control !== null) return control;
        if (other !== null) throw other;
        if (!loaded.ok) throw loaded.error;
        return await this.#openInProcess(globals, loaded);
      },
      shell: proxyVariables(this.#environment),
      requester: processWords({ uid: process.getuid?.() ?? -1, pid: process.pid }, this.#environment['SUDO_USER']),
      gateways: readGateways,
      absolute: (path) => resolve(path),
      changeSocket: this.#checkout === null && file === this.#places.config ? CHANGE_SOCKET : null,
      signal: this.#host.stopping,
    };
  }

  /** Serves the connection that systemd passes to this process. */
  async #serveChanges(globals: Globals): Promise<number> {
    const { inheritedSocket } = await import('#changes/inherited.ts');
    const { serveChange } = await import('#changes/service.ts');
    const { peerOf } = await import('#system/network/peer.ts');
    const socket = inheritedSocket(this.#environment, process.pid);
    const file = resolve(this.#fileOf(globals));
    return await this.#liveOnScreen(async (report) => {
      await serveChange(socket, { ...this.#commandContext(globals), file, report, peerOf });
      return EXIT_OK;
    });
  }
}

async function listEndpoints(loaded: LoadedSettings): Promise<EndpointList> {
  const { endpointsOfFile } = await import('#daemon/answers/read-endpoints.ts');
  return await endpointsOfFile(loaded, { files: realFiles, clock: systemClock, version: VERSION });
}
