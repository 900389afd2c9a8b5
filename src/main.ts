// The entry point: reads the arguments, finds a running daemon or composes the parts, runs the command, and sets the
// exit status.
//
// Only this file depends on all modules. Every error ends here as a line with a code and what to check. Only a bug in
// Sallyport prints a stack trace.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkCommand } from '#cli/check.ts';
import { type FoundDaemon, findDaemonOf } from '#cli/find-daemon.ts';
import { healthCommand } from '#cli/health.ts';
import { networkActions, type Obstacle } from '#cli/program/network-actions.ts';
import { type Actions, type EstimateArguments, runProgram } from '#cli/program/program.ts';
import type { Globals } from '#cli/program/program-hooks.ts';
import { proxyActions } from '#cli/program/proxy-actions.ts';
import type { CommandContext } from '#cli/settings/command-context.ts';
import { configCheckCommand, configSchemaCommand, configShowCommand, printProblems } from '#cli/settings/config.ts';
import { statusCommand } from '#cli/status.ts';
import { printAnsweringDaemon } from '#cli/terminal/answering-daemon.ts';
import { exitStatusOf, printError } from '#cli/terminal/failure.ts';
import { processTerminal } from '#cli/terminal/terminal.ts';
import { explainTimeoutCommand } from '#cli/timeout-explain.ts';
import { forgetSerialCommand, listUpdatesCommand, runHookCommand, verifyUpdatesCommand } from '#cli/updates.ts';
import { findCheckout, findPlaces } from '#config/places.ts';
import { readGateways } from '#config/reading/host-gateways.ts';
import { type LoadedSettings, type LoadResult, loadSettings } from '#config/reading/load.ts';
import type { Control, Diagnosis } from '#control/control.ts';
import type { EndpointList } from '#control/endpoints.ts';
import type { TimeoutSeeded } from '#control/timeouts.ts';
import type { LoadAgain, TextBounds } from '#daemon/parts.ts';
import { proxyVariables } from '#diagnose/shell.ts';
import type { Code } from '#errors/catalogue.ts';
import { asCoded, coded } from '#errors/coded-error.ts';
import { EXIT_OK, EXIT_STATUS } from '#errors/exit-status.ts';
import { showForeign } from '#errors/template.ts';
import type { Report } from '#logging/events.ts';
import type { Watch } from '#logging/log.ts';
import { toRecord } from '#logging/record.ts';
import { TerminalLog } from '#logging/terminal.ts';
import { secretsInEnvironment } from '#proxy/choosing/environment-proxies.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { createRedactor } from '#redaction/redact.ts';
import { untilAborted } from '#system/abort.ts';
import { systemClock } from '#system/clock.ts';
import { takeEnvironment } from '#system/process/environment.ts';
import { hasTerminal } from '#system/process/has-terminal.ts';
import { dieOf, LastResort } from '#system/process/last-resort.ts';
import { nameProcess } from '#system/process/process-name.ts';
import { realFiles } from '#system/real-files.ts';
import { Zone } from '#system/time/zone.ts';
import { VERSION } from './version.ts';

nameProcess('sallyport');
const root = fileURLToPath(new URL('..', import.meta.url));
const terminal = processTerminal();
const known = new KnownSecrets();
const redactor = createRedactor(known);
const { refused, removed, environment, service } = takeEnvironment(process.env, process.pid);
for (const secret of secretsInEnvironment(environment)) known.add(secret);
const places = findPlaces({ root, environment, exists: existsSync });
const checkout = findCheckout({ root, exists: existsSync });
const lastResort = new LastResort();
lastResort.call({ still: () => [], lastWords: (error) => void printError(terminal, error, redactor) });
for (const event of ['uncaughtException', 'unhandledRejection']) process.on(event, dieOfDefect);
const stopping = listenForSignals();

/** Loads the settings or prints every error. */
async function load(globals: Globals): Promise<LoadedSettings | null> {
  const result = await loadSettings({ file: fileOf(globals), places, environment, known });
  if (result.ok) return result;
  printProblems(terminal, result);
  return null;
}

/** Loads the settings from the text if one is given, otherwise from the file. */
function loadText(globals: Globals, text?: string, bounds?: TextBounds): Promise<LoadResult> {
  return loadSettings({ ...loadOptions(globals), ...bounds, ...(text === undefined ? {} : { text }) });
}

function fileOf(globals: Globals): string {
  return globals.config ?? places.config;
}

/** The settings, and the daemon of this file, if one runs. */
async function findDaemon(globals: Globals): Promise<FoundDaemon & { loaded: LoadResult }> {
  const loaded = await loadSettings(loadOptions(globals));
  return { loaded, ...(await findDaemonOf(resolve(fileOf(globals)), loaded, places)) };
}

/** The daemon of this file; null if none runs. @throws CodedError CONTROL-OTHER-FILE */
async function ownDaemon(globals: Globals): Promise<Control | null> {
  const { control, other } = await findDaemon(globals);
  if (other !== null) throw other;
  return control;
}

/** Runs a command with the Control of the running daemon, or with one in this process, and closes it afterwards. */
async function withControl(globals: Globals, use: (control: Control) => Promise<number>): Promise<number> {
  const { loaded, socket, control: found, other } = await findDaemon(globals);
  let control: Control | null = found;
  if (control !== null) {
    // Errors in the file do not matter here: the daemon has also rejected it and uses the previous settings.
    printAnsweringDaemon(terminal, socket);
  } else {
    if (!loaded.ok) return printProblems(terminal, loaded);
    if (other !== null) throw other;
    control = await openInThisProcess(globals, loaded);
  }
  try {
    return await use(control);
  } finally {
    await control.close();
  }
}

/** Control in this process, if no daemon runs. The modules are imported here, so other commands do not load them. */
async function openInThisProcess(globals: Globals, loaded: LoadedSettings): Promise<Control> {
  const { openInProcess } = await import('#daemon/in-process.ts');
  const load: LoadAgain = (text, bounds) => loadText(globals, text, bounds);
  return await openInProcess({ loaded, known, version: VERSION, environment, load, checkout });
}

async function run(
  globals: Globals,
  options: { once: boolean; log?: Watch['form']; signal?: AbortSignal },
): Promise<number> {
  const loaded = await load(globals);
  if (loaded === null) return EXIT_STATUS.config;
  const { runDaemon } = await import('#daemon/run.ts');
  const start = runDaemon({
    loaded,
    load: (text, bounds) => loadText(globals, text, bounds),
    known,
    environment,
    checkout,
    version: VERSION,
    screen: terminal.screen,
    form: options.log ?? null,
    once: options.once,
    signal: options.signal ?? stopping,
    lastResort,
    service,
  });
  try {
    const failure = await start;
    return failure === null ? EXIT_OK : exitStatusOf(failure);
  } catch (thrown) {
    const error = asCoded(thrown);
    if (!REFUSED_AT_START.has(error.code)) throw thrown;
    printError(terminal, error, redactor);
    return EXIT_STATUS.config;
  }
}

/** Errors at start that only a changed configuration fixes, so the service manager must not restart the daemon. */
const REFUSED_AT_START: ReadonlySet<Code> = new Set<Code>(['POLICY-DIRECT', 'TLS-FILE']);

const actions: Actions = {
  run,
  check: (globals, options) =>
    withControl(globals, (control) =>
      liveOnScreen((show) => checkCommand(control, terminal, { ...options, signal: stopping, show })),
    ),
  status: (globals, options) =>
    options.check
      ? healthCommand(terminal, { find: () => ownDaemon(globals), known: redactor })
      : withControl(globals, (control) => statusCommand(control, terminal, options)),
  listUpdates: (globals, options) => withControl(globals, (control) => listUpdatesCommand(control, terminal, options)),
  verifyUpdates: (globals, options) =>
    withControl(globals, (control) => verifyUpdatesCommand(control, terminal, { ...options, signal: stopping })),
  forgetSerial: (globals, options) =>
    withControl(globals, (control) => forgetSerialCommand(control, terminal, options)),
  runHook: (globals, options) =>
    withControl(globals, (control) =>
      liveOnScreen((show) => runHookCommand(control, terminal, { ...options, signal: stopping, show })),
    ),
  explainTimeout: (globals, options) =>
    withControl(globals, (control) => explainTimeoutCommand(control, terminal, options)),
  ...networkActions({
    terminal,
    redactor,
    shell: proxyVariables(environment),
    findDaemon,
    openInProcess: openInThisProcess,
    load: loadWithoutSecrets,
    endpointsOfFile,
    undiagnosed: whyUndiagnosed,
    signal: stopping,
  }),
  estimateTimeout,
  ...proxyActions({ context: commandContext, withControl }),
  configCheck: async (globals) => configCheckCommand(terminal, await loadWithoutSecrets(globals)),
  configShow: async (globals, options) =>
    configShowCommand(terminal, await loadWithoutSecrets(globals), { ...options, known: redactor }),
  configSchema: () => Promise.resolve(configSchemaCommand(terminal)),
  configUpgrade: async (globals, options) => {
    const { configUpgradeCommand } = await import('#cli/settings/config-upgrade.ts');
    return await configUpgradeCommand(commandContext(globals), options);
  },
  serveChanges,
  serve,
  buildFeed,
  demo,
};

async function endpointsOfFile(loaded: LoadedSettings): Promise<EndpointList> {
  const { endpointsOfFile: read } = await import('#daemon/answers/read-endpoints.ts');
  return await read(loaded, { files: realFiles, clock: systemClock, version: VERSION });
}

/** The diagnosis that says why none is possible. */
async function whyUndiagnosed(globals: Globals, why: Obstacle): Promise<Diagnosis> {
  const { undiagnosed } = await import('#daemon/trial/undiagnosed.ts');
  const shell = proxyVariables(environment);
  return undiagnosed(why, { file: fileOf(globals), version: VERSION, nowMs: systemClock.now(), shell, redactor });
}

/** This process reads the files with the rights of its user, even if a daemon runs. */
async function estimateTimeout(globals: Globals, { json, yes, apply, ...given }: EstimateArguments): Promise<number> {
  const { estimateTimeout: read } = await import('#estimate/estimate.ts');
  const { log: logs, packages: packagesDir, timeZone } = given;
  const zone = new Zone(timeZone);
  const estimate = () => read({ logs, packagesDir, files: realFiles, zone, signal: stopping });
  if (!apply) {
    const { estimateCommand } = await import('#cli/timeout-estimate.ts');
    return await estimateCommand(terminal, { json, estimate });
  }
  const { applyEstimateCommand } = await import('#cli/settings/timeout-apply.ts');
  return await applyEstimateCommand(commandContext(globals), {
    json,
    yes,
    estimate,
    seed: async (seeds) => {
      let seeded: TimeoutSeeded | null = null;
      await withControl(globals, async (control) => {
        seeded = await control.seedTimeout(seeds);
        return EXIT_OK;
      });
      return seeded;
    },
  });
}

/** Shows events in the format of the log while a command works. */
async function liveOnScreen(work: (show: Report) => Promise<number>): Promise<number> {
  const screen = new TerminalLog(terminal.screen, systemClock);
  try {
    return await work((event) => {
      const record = toRecord(event, systemClock.now(), redactor);
      if (event.name === 'progress') screen.progress(record);
      else if (record.level !== 'debug') screen.line(record);
    });
  } finally {
    screen.close();
  }
}

/** The context of a command that edits the configuration file. */
function commandContext(globals: Globals): CommandContext {
  return {
    terminal,
    files: realFiles,
    clock: systemClock,
    known: redactor,
    keepSecret: (value) => known.add(value),
    load: (text) =>
      loadSettings({ ...loadOptions(globals), mayLackCredentials: true, ...(text === undefined ? {} : { text }) }),
    findDaemon: () => ownDaemon(globals),
    openControl: async () => {
      const { loaded, control, other } = await findDaemon(globals);
      if (control !== null) return control;
      if (other !== null) throw other;
      if (!loaded.ok) throw loaded.error;
      return await openInThisProcess(globals, loaded);
    },
    shell: proxyVariables(environment),
    requester: `process ${process.pid} of user ${process.getuid?.() ?? 'unknown'}`,
    gateways: readGateways,
    absolute: (path) => resolve(path),
    changeSocket: checkout === null && resolve(fileOf(globals)) === places.config ? CHANGE_SOCKET : null,
    signal: stopping,
  };
}

/** The path of `sallyport-change.socket`. It is not in /run/sallyport, which systemd removes when the service stops. */
const CHANGE_SOCKET = '/run/sallyport-change.sock';

/** Serves the connection that systemd passes to this process. */
async function serveChanges(globals: Globals): Promise<number> {
  const { inheritedSocket } = await import('#changes/inherited.ts');
  const { serveChange } = await import('#changes/service.ts');
  const { peerOf } = await import('#system/network/peer.ts');
  const socket = inheritedSocket(environment, process.pid);
  const file = resolve(fileOf(globals));
  return await liveOnScreen(async (report) => {
    await serveChange(socket, { ...commandContext(globals), file, report, peerOf });
    return EXIT_OK;
  });
}

/** For commands that use no secret. They also work for root, outside the service and without its credentials. */
function loadWithoutSecrets(globals: Globals): Promise<LoadResult> {
  return loadSettings({ ...loadOptions(globals), mayLackCredentials: true });
}

function loadOptions(globals: Globals): Parameters<typeof loadSettings>[0] {
  return { file: fileOf(globals), places, environment, known };
}

async function serve(dir: string, options: { host: string; port: number }): Promise<number> {
  const { startOrigin } = await import('#origin/server.ts');
  const origin = await startOrigin({
    dir,
    ...options,
    onAnswered: ({ method, target, status, bytes }) =>
      terminal.out(`${status ?? '-'} ${showForeign(method)} ${showForeign(target)} ${bytes} bytes`),
  });
  terminal.out(`Serving ${dir}.`);
  terminal.out(`  updates.feed_url: ${origin.feedUrl}`);
  terminal.out(`  updates.acknowledge_url: ${origin.acknowledgeUrl}`);
  terminal.out('Ctrl-C stops it.');
  await untilAborted(stopping);
  await origin.close();
  return EXIT_OK;
}

async function buildFeed(dir: string, options: { expiresDays: number }): Promise<number> {
  const builder = await import('#origin/feed-builder.ts');
  const built = await builder.buildFeed(dir, options);
  for (const warning of built.warnings) terminal.err(warning);
  const { serial, items, expires } = built.feed;
  const state = built.changed ? 'written' : 'already up to date';
  terminal.out(
    `${built.path}: ${state}; serial ${serial}, ${items.length} ${items.length === 1 ? 'update' : 'updates'}, expires ${expires}.`,
  );
  return EXIT_OK;
}

async function demo(options: { dir?: string; once: boolean }): Promise<number> {
  const { runDemo } = await import('#demo/demo.ts');
  return await runDemo({
    dir: options.dir ?? `${places.stateDir}/demo`,
    once: options.once,
    signal: stopping,
    terminal,
    runAgent: (config, { once, signal }) => run({ config }, { once, log: 'text', signal }),
  });
}

/** The first SIGTERM or SIGINT starts an orderly shutdown with a time limit. A second one ends the process at once. */
function listenForSignals(): AbortSignal {
  const controller = new AbortController();
  // SIGUSR2 reopens the log (`run.ts`). Before there is a log, its default action must not end the process.
  process.on('SIGUSR2', () => undefined);
  // The same for SIGHUP, which reloads the configuration: it may arrive before or after the daemon handles it.
  if (!hasTerminal()) process.on('SIGHUP', () => undefined);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (controller.signal.aborted) dieOf(signal);
      lastResort.arm();
      controller.abort(coded('INTERRUPTED', { reason: signal }));
    });
  }
  return controller.signal;
}

/** An uncaught error is a bug in Sallyport: reports it on the screen and in the open log, then exits. */
function dieOfDefect(thrown: unknown): never {
  try {
    lastResort.notifyWitnesses(asCoded(thrown));
    printStack(thrown);
  } finally {
    process.exit(EXIT_STATUS.internal);
  }
}

function printStack(thrown: unknown): void {
  if (thrown instanceof Error) terminal.err(redactor.redact(thrown.stack ?? ''));
}

try {
  if (refused !== null) throw refused;
  if (removed !== null) terminal.err(`sallyport: the environment variable ${removed} is set; it has no effect here.`);
  process.exitCode = await runProgram(process.argv.slice(2), { actions, terminal, version: VERSION });
} catch (thrown) {
  const error = asCoded(thrown);
  process.exitCode = printError(terminal, error, redactor);
  if (error.code === 'INTERNAL') printStack(thrown);
}
