// The action of `sallyport console`. Gives up root, reads the pages, and connects the console with this process.

import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConsoleListen } from '#cli/program/program-console.ts';
import type { CommandContext } from '#cli/settings/command-context.ts';
import { type Environment, type Places, placesOfDaemon, type SocketPaths, socketsOf } from '#config/places.ts';
import type { ReachedDaemon } from '#console/api/daemon-link.ts';
import type { ConsoleUser } from '#console/api/session.ts';
import { sshTargetOf } from '#console/links.ts';
import { runConsole } from '#console/run-console.ts';
import type { ListenChoice } from '#console/server/listening.ts';
import { readPageFiles } from '#console/server/page-files.ts';
import { coded } from '#errors/coded-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import type { SpanRedactor } from '#redaction/redact.ts';
import { systemClock } from '#system/clock.ts';
import { becomeUser, findUser } from '#system/process/become-user.ts';
import { nameOfUser } from '#system/process/user.ts';
import { RealFiles } from '#system/real-files.ts';

/** The user that root becomes. */
const CONSOLE_USER = 'sallyport-console';

export interface ConsoleCommand {
  readonly environment: Environment;
  /** The absolute path of the configuration file. */
  readonly file: string;
  readonly places: Places;
  readonly listen: ConsoleListen;
  /** The checkout that the program runs from; null if it is installed. */
  readonly checkout: string | null;
  readonly known: SpanRedactor;
  readonly version: string;
  /** The folder with the pages; found next to the program if it is not given. */
  readonly pages?: string;
  /** The context of commands, made after this process has its user. */
  context(): CommandContext;
  connect(): Promise<ReachedDaemon>;
}

/** Serves the console until it ends. @throws CodedError CONSOLE-* */
export async function runConsoleCommand(command: ConsoleCommand): Promise<number> {
  const { environment, checkout, listen, file, places, known } = command;
  requireLogin(listen, environment);
  const invoker = { user: await ownName(), host: hostname() };
  const pages = await readPageFiles(new RealFiles(), command.pages ?? folderOfPages(checkout));
  // The program of a checkout, and its daemon, belong to the user who runs it, so there is no other user to become.
  const hasDropped = process.geteuid?.() === 0 && checkout === null;
  if (hasDropped) await becomeConsoleUser();
  const context = command.context();
  const { clock, terminal, keepSecret, changeSocket, signal } = context;
  // Those of the command line have the user that the process started with.
  const files = new RealFiles();
  await runConsole({
    context: {
      file,
      stateDir: places.stateDir,
      changeSocket,
      known,
      keepSecret,
      changing: (ending) => ({ ...context, files, signal: AbortSignal.any([signal, ending]) }),
    },
    clock,
    files,
    pages,
    terminal: { print: (line) => terminal.out(line), keys: terminal.answers.keys },
    user: await ownUser(),
    users: usersOf(environment),
    version: command.version,
    target: sshTargetOf(environment, invoker),
    listen: choiceOf(listen, environment),
    folders: {
      files,
      // That of root, which the other user cannot open.
      runtimeDir: hasDropped ? undefined : environment['XDG_RUNTIME_DIR'],
      temporaryDir: hasDropped ? '/tmp' : tmpdir(),
    },
    connect: command.connect,
    sockets: async () => await socketsOfFile(context, command),
    signal,
  });
  return EXIT_OK;
}

/**
 * By sudo, the socket would belong to another user than the login, so ssh could not open it for this person. A port has no
 * owner. @throws CodedError CONSOLE-LISTEN
 */
function requireLogin(listen: ConsoleListen, environment: Environment): void {
  const { SUDO_USER: login = '' } = environment;
  if (listen !== 'socket' || !isBySudo(environment)) return;
  throw coded('CONSOLE-LISTEN', {
    address: 'a socket',
    reason: `by sudo, the socket would belong to another user, and the ssh login of ${login} could not open it`,
  });
}

function isBySudo({ SUDO_USER: login = '' }: Environment): boolean {
  return process.geteuid?.() === 0 && login !== '' && login !== 'root';
}

/** This user, and the one who ran sudo, whose browser it is. */
function usersOf(environment: Environment): number[] {
  const { SUDO_UID: invoker = '' } = environment;
  return [process.geteuid?.() ?? 0, ...(/^\d{1,9}$/.test(invoker) ? [Number(invoker)] : [])];
}

/** @throws CodedError CONSOLE-USER */
async function becomeConsoleUser(): Promise<void> {
  const user = await findUser(CONSOLE_USER);
  if (user === null) throw coded('CONSOLE-USER', { user: CONSOLE_USER, reason: 'this host has no such user' });
  becomeUser(user);
}

async function ownUser(): Promise<ConsoleUser> {
  const uid = process.geteuid?.() ?? 0;
  const groups = [...(process.getgroups?.() ?? []), process.getegid?.() ?? 0];
  return { uid, name: await ownName(), groups };
}

/** A user of a container, or of a directory that does not answer, has no name. */
async function ownName(): Promise<string> {
  const uid = process.geteuid?.() ?? 0;
  return (await nameOfUser(uid, systemClock)) ?? String(uid);
}

/** Under ssh, a socket: its forwarding by ssh has the user of the login, and other users of this host cannot open it. */
function choiceOf(listen: ConsoleListen, environment: Environment): ListenChoice {
  if (typeof listen === 'number') return { kind: 'port', port: listen };
  // `sudo` may keep this variable.
  const isRemote = (environment['SSH_CONNECTION'] ?? '') !== '' && !isBySudo(environment);
  return listen === 'socket' || isRemote ? { kind: 'socket' } : { kind: 'port', port: 0 };
}

async function socketsOfFile(
  { load }: CommandContext,
  { file, places }: ConsoleCommand,
): Promise<Pick<SocketPaths, 'look' | 'operate'>> {
  const loaded = await load();
  return socketsOf(loaded.ok ? loaded.settings.daemon : (loaded.daemon ?? placesOfDaemon(file, undefined, places)));
}

/** In a checkout, `tools/sallyport.js` has made them. In a build, this file is one folder below main.js. */
function folderOfPages(checkout: string | null): string {
  return checkout === null ? join(import.meta.dirname, '..', 'console') : join(checkout, '.cache', 'console');
}
