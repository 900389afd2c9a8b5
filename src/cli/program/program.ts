// Defines every command with its options and help. `sallyport.ts` passes in the actions, so this file does not depend
// on the daemon.

import { Argument, Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander';
import type { Terminal } from '#cli/terminal/terminal.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import { filled, wrapUsageError } from '#cli/terminal/wrap.ts';
import { EXIT_OK, EXIT_USAGE } from '#errors/exit-status.ts';
import type { Level } from '#logging/event-definition.ts';
import type { LogForm } from '#logging/log.ts';
import type { ActivationActions } from './program-activation.ts';
import type { ConfigActions } from './program-config.ts';
import type { ConsoleActions } from './program-console.ts';
import { addFeedCommands, type FeedActions } from './program-feed.ts';
import type { FetchActions } from './program-fetch.ts';
import type { Globals, Hooks, MakeAction } from './program-hooks.ts';
import { addLogsCommands, type LogsActions } from './program-logs.ts';
import type { MenuActions } from './program-menu.ts';
import { addNetworkCommands, addTimeoutCommands, type NetworkActions, type TimeoutActions } from './program-network.ts';
import { addPlatformCommands, type PlatformActions } from './program-platform.ts';
import type { ProxyActions } from './program-proxy.ts';
import { addQueueCommands, type QueueActions } from './program-queue.ts';
import { addSubmitCommand, type SubmitActions } from './program-submit.ts';
import type { SystemdActions } from './program-systemd.ts';
import { addTrustCommands, type TrustActions } from './program-trust.ts';
import { addMirrorCommand, addUpdatesCommands, type UpdatesActions } from './program-updates.ts';
import type { VendorActions } from './program-vendor.ts';
import { SHELLS, type Shell } from './quick-arguments.ts';

/** The options of `check`. */
interface CheckFlags {
  readonly json: boolean;
  readonly retryCredential: boolean;
  readonly now: boolean;
}

/** Arguments of `status`. */
interface StatusArguments {
  readonly json: boolean;
  readonly check: boolean;
  readonly watch: boolean;
  readonly verbose: boolean;
}

/** Arguments of `logs`. */
interface LogsArguments {
  readonly follow: boolean;
  readonly id?: string;
  readonly purpose?: string;
  readonly level: Level;
  readonly since?: string;
  readonly lines?: number;
}

/** The actions that `sallyport.ts` provides. Each returns the exit status. */
export interface Actions
  extends ProxyActions,
    NetworkActions,
    TimeoutActions,
    PlatformActions,
    QueueActions,
    SubmitActions,
    MenuActions,
    ConsoleActions,
    SystemdActions,
    LogsActions,
    UpdatesActions,
    TrustActions,
    ConfigActions,
    FeedActions,
    FetchActions,
    VendorActions {
  /** The actions of `activate`, `activation` and `identity`. */
  activation(): Promise<ActivationActions>;
  serveChanges(globals: Globals): Promise<number>;
  run(globals: Globals, options: { once: boolean; log?: LogForm }): Promise<number>;
  check(globals: Globals, options: CheckFlags): Promise<number>;
  status(globals: Globals, options: StatusArguments): Promise<number>;
  logs(globals: Globals, options: LogsArguments): Promise<number>;
  metrics(globals: Globals, options: { textfile: string | null }): Promise<number>;
  demo(options: { dir?: string; once: boolean }): Promise<number>;
  completion(shell: Shell): Promise<number>;
  version(options: { json: boolean }): Promise<number>;
}

interface ProgramParts {
  readonly actions: Actions;
  readonly terminal: Terminal;
  readonly version: string;
}

/** Parses the arguments and runs the command. Returns the exit status. The parser prints help and usage errors. */
export async function runProgram(args: readonly string[], made: ProgramParts): Promise<number> {
  let status = EXIT_OK;
  const program = await describeProgram(args, made, (ended) => {
    status = ended;
  });
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof UsageError) {
      made.terminal.err(wrapUsageError(thrown.message));
      return EXIT_USAGE;
    }
    if (!(thrown instanceof CommanderError)) throw thrown;
    return thrown.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
  }
  return status;
}

/**
 * Every command. The options of some commands are loaded only if the arguments name the command. `ended` gets the exit
 * status of the command that ran.
 */
export async function describeProgram(
  args: readonly string[],
  made: ProgramParts,
  ended: (status: number) => void,
): Promise<Command> {
  const program = describe(made.version, made.terminal);
  const isNamed = (command: string) => args.includes(command);
  const globals = (): Globals => program.opts<Globals>();
  const does =
    <A extends unknown[]>(action: (...given: A) => Promise<number>) =>
    async (...given: A): Promise<void> => {
      ended(await action(...given));
    };
  addWork(program, made.actions, { globals, does });
  const fetch = program.command('fetch').description('fetch one file through the proxy, resumable and verified');
  if (isNamed('fetch')) (await import('./program-fetch.ts')).addFetchOptions(fetch, made.actions, { globals, does });
  addSubmitCommand(program, made.actions, { globals, does });
  addPlatformCommands(program, made.actions, { globals, does });
  addQueueCommands(program, made.actions, { globals, does });
  addLogsCommands(program, made.actions, { globals, does });
  const activating = {
    activate: program.command('activate').description('activate this host with a key or a license of the vendor'),
    activation: program.command('activation').description('show, request and release the activation of this host'),
    identity: program.command('identity').description('show and replace the identity of this host'),
  };
  if (Object.keys(activating).some(isNamed)) {
    const { addActivationCommands } = await import('./program-activation.ts');
    addActivationCommands(activating, made.actions, { globals, does });
  }
  addTimeoutCommands(program, made.actions, { globals, does });
  // What follows from the configuration schema is loaded for its own commands only.
  const purposes = isNamed('diagnose') || isNamed('logs') ? (await import('#config/purposes.ts')).PURPOSES : [];
  addNetworkCommands(program, made.actions, { globals, does, purposes });
  addLogs(program, made.actions, { globals, does, purposes });
  const proxy = program.command('proxy').description(PROXY_SUMMARY);
  const route = program.command('route').description('show or set the proxy of each purpose');
  if (isNamed('proxy') || isNamed('route')) {
    const { addProxyCommands } = await import('./program-proxy.ts');
    addProxyCommands({ proxy, route }, made.actions, { globals, does });
  }
  await addScreens(program, made.actions, { globals, does, isNamed });
  const systemd = program.command('systemd').description('print a drop-in for the unit of the service');
  if (isNamed('systemd')) {
    const { addSystemdCommands } = await import('./program-systemd.ts');
    addSystemdCommands(systemd, made.actions, { globals, does });
  }
  const config = program.command('config').description('check, show, change and upgrade the configuration file');
  if (isNamed('config')) {
    const { addConfigCommands } = await import('./program-config.ts');
    addConfigCommands(config, made.actions, { globals, does });
  }
  // systemd runs this for each connection (sallyport-change@.service); users never do.
  program.command('serve-changes', { hidden: true }).action(does(() => made.actions.serveChanges(globals())));
  addFeedCommands(program, made.actions, does);
  const fleet = program.command('fleet').description('for vendors: show agents and send them commands');
  const license = program.command('license').description('for vendors: make activation keys and licenses');
  if (isNamed('fleet') || isNamed('license')) {
    const { addVendorCommands } = await import('./program-vendor.ts');
    addVendorCommands({ fleet, license }, made.actions, does);
  }
  addDemo(program, made.actions, does);
  nameHelp(program);
  return program;
}

/** The commands that show screens. */
async function addScreens(
  program: Command,
  actions: Actions,
  { globals, does, isNamed }: Hooks & { isNamed(command: string): boolean },
): Promise<void> {
  const menu = program.command('menu').description(MENU_SUMMARY);
  if (isNamed('menu')) (await import('./program-menu.ts')).addMenuOptions(menu, actions, { globals, does });
  const pages = program.command('console').description(CONSOLE_SUMMARY);
  if (isNamed('console')) (await import('./program-console.ts')).addConsoleOptions(pages, actions, { globals, does });
}

function describe(version: string, terminal: Terminal): Command {
  return new Command('sallyport')
    .description(
      'Downloads update packages (.JAR) through a corporate forward proxy, verifies them, publishes them, and sends receipts.',
    )
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .addOption(new Option('-c, --config <file>', 'configuration file'))
    .configureOutput({
      writeOut: (text) => terminal.screen.write(text),
      writeErr: (text) => terminal.err(wrapUsageError(text.trimEnd())),
    })
    .configureHelp({ showGlobalOptions: true, optionDescription: describeOption })
    .showSuggestionAfterError(true)
    .exitOverride()
    .addHelpText('after', filled(PROGRAM_HELP));
}

/** The description of an option without `(default: false)`, which is obvious for a flag. */
function describeOption(option: Option): string {
  return new Help().optionDescription(option).replace(/ ?\(default: false\)$/, '');
}

/** After a usage error, points to the help of that command, which lists its arguments. */
function nameHelp(command: Command, path = command.name()): void {
  command.showHelpAfterError(`Try: ${path} --help`);
  for (const one of command.commands) nameHelp(one, `${path} ${one.name()}`);
}

function addWork(program: Command, actions: Actions, { globals, does }: Hooks): void {
  program
    .command('run')
    .description('run in the foreground and check for updates on schedule (updates.schedule), until SIGTERM or Ctrl-C')
    .option('--once', 'check for updates once, then exit; status 0 if nothing failed', false)
    .addOption(
      new Option('--log <form>', 'format of the log lines on stdout, overrides logging.stdout').choices([
        'text',
        'json',
        'auto',
      ]),
    )
    .addHelpText('after', filled(RUN_HELP))
    .action(does((options: { once: boolean; log?: LogForm }) => actions.run(globals(), options)));
  program
    .command('check')
    .description('check for updates now and download the packages that are due, in the daemon if one is running')
    .option('--json', 'the result as JSON, without log lines', false)
    .option(
      '--retry-credential',
      'send a proxy password once more, even if it was rejected or the proxy has a new address',
      false,
    )
    .option('--now', 'also download and publish outside the hours of updates.window', false)
    .action(does((options: CheckFlags) => actions.check(globals(), options)));
  program
    .command('status')
    .description('show whether everything works, what the daemon is doing, and why')
    .option('-v, --verbose', 'also show features that are not in use', false)
    .option('--json', 'as JSON; all times are UTC', false)
    .addOption(
      new Option('--check', 'one line for monitoring; status 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN')
        .default(false)
        .conflicts('json'),
    )
    .addOption(
      new Option('-w, --watch', 'fill the window with the status and keep it up to date, until q or Ctrl-C')
        .default(false)
        .conflicts(['json', 'check', 'verbose']),
    )
    .action(does((options: StatusArguments) => actions.status(globals(), options)));
  program
    .command('metrics')
    .description('print counters and gauges for monitoring, in the OpenMetrics format')
    .option('--textfile <file>', 'write them to this file for node_exporter; its name ends in .prom', readTextfile)
    .action(
      does((options: { textfile?: string }) => actions.metrics(globals(), { textfile: options.textfile ?? null })),
    );
  addUpdatesCommands(program, actions, { globals, does });
  addTrustCommands(program, actions, { globals, does });
  addMirrorCommand(program, actions, { globals, does });
}

function addLogs(
  program: Command,
  actions: Actions,
  { globals, does, purposes }: Hooks & { readonly purposes: readonly string[] },
): void {
  const purpose = new Option('--purpose <purpose>', 'only lines about this purpose (what a connection is for)');
  program
    .command('logs')
    .description('print the log, including rotated files; no daemon is needed')
    .option('-f, --follow', 'also print new lines until Ctrl-C; begins with the last 10 lines', false)
    .option('--id <id>', 'only lines that name this ID, such as that of an update, a bundle or a command')
    .addOption(purposes.length === 0 ? purpose : purpose.choices(purposes))
    .addOption(
      new Option('--level <level>', 'lowest level').choices(['debug', 'info', 'warn', 'error']).default('debug'),
    )
    .option(
      '--since <time>',
      'only lines from this time on: a duration such as 90m, 6h or 3d, or a time such as 2026-11-30T06:00:00',
    )
    .option('-n, --lines <count>', 'only the last lines', readCount)
    .action(does((options: LogsArguments) => actions.logs(globals(), options)));
}

function addDemo(program: Command, actions: Actions, does: MakeAction): void {
  program
    .command('demo')
    .description('run an update server, a forward proxy and a daemon on this host, and show what they do')
    .option('--once', 'exit after one check for updates', false)
    .option('--dir <dir>', 'folder for all files of the demo; it is emptied first')
    .action(does((options: { dir?: string; once: boolean }) => actions.demo(options)));
  program
    .command('completion')
    .description('print the script that completes commands, options and names in a shell')
    .addArgument(new Argument('<shell>', 'the shell').choices(SHELLS))
    .action(does((shell: Shell) => actions.completion(shell)));
  program
    .command('version')
    .description(
      'print the versions of Sallyport, its Node and every module in it, as its bill of materials lists them',
    )
    .option('--json', 'as JSON', false)
    .action(does((options: { json: boolean }) => actions.version(options)));
}

function readTextfile(text: string): string {
  if (text.endsWith('.prom')) return text;
  throw new InvalidArgumentError('Use a name that ends in .prom; node_exporter reads no other files.');
}

function readCount(text: string): number {
  if (/^\d{1,6}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Use a number from 0 to 999999.');
}

const MENU_SUMMARY = 'set up the proxy in a menu for a console, a serial line or a small display';

const CONSOLE_SUMMARY = 'serve pages to a browser on this host, or over ssh, to set up and watch Sallyport';

const PROXY_SUMMARY = 'list, add, change and delete proxies; an edit leaves all other lines of the file as they are';

const PROGRAM_HELP = `
First steps:
  sallyport demo                     watch packages arrive through a proxy, on this host only
  sallyport proxy add                set up your proxy by answering questions
  sallyport config check             check the configuration file after you edit it
  sallyport check                    check for updates now, and show the log
  sallyport run                      run in the foreground, and check on a schedule
  sallyport diagnose                 find out where a connection fails, and why
  sallyport endpoints                list what the proxy team has to allow
  sallyport status                   show whether everything works, and why
  sallyport logs -f                  follow the log

The configuration file is /etc/sallyport/sallyport.yaml if Sallyport is installed, and config/sallyport.yaml in a checkout.
An example with every key is /usr/share/sallyport/sallyport.example.yaml, or config/sallyport.example.yaml in a checkout.
Failure codes are in docs/failure-codes.md, exit statuses in docs/commands.md.

Exit status: 0 success, 64 bad arguments, 78 bad configuration, 10 name resolution, 11 connection, 12 proxy
authentication, 13 policy, 14 TLS, 15 WebSocket, 16 timeout, 17 content, 18 HTTP, 19 files or daemon, 20 activation, 70 a bug in
Sallyport.`;

const RUN_HELP = `
SIGTERM or Ctrl-C stops it. Interrupted downloads resume at the next start.`;
