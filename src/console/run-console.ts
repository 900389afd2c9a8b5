// The console's process from the first link to its end.
//
// Guarantees: it ends with its terminal, after Ctrl-C or Ctrl-D, when its signal is aborted, and after 30 minutes in
// which no page was used. It then no longer listens, and its keys, tokens and open streams are gone.

import { hostname } from 'node:os';
import type { SocketPaths } from '#config/places.ts';
import type { SpanRedactor } from '#redaction/redact.ts';
import { onAbort } from '#system/abort.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';
import { usersConnectedTo } from '#system/network/loopback-users.ts';
import { DaemonLink, type ReachedDaemon } from './api/daemon-link.ts';
import { type ConsoleUser, readSession } from './api/session.ts';
import { verbRoutes } from './api/verb-routes.ts';
import { linkLines, type SshTarget, sshLine } from './links.ts';
import { answerRoute, type ConsoleContext } from './route.ts';
import { changeRoutes } from './saving/routes.ts';
import { type ConsoleServerParts, consoleServer } from './server/console-server.ts';
import { type KeyVerdict, LinkKeys, Tokens } from './server/link-keys.ts';
import { type ListenChoice, type ListenFolders, listenForPages } from './server/listening.ts';
import type { PageFiles } from './server/page-files.ts';

const IDLE_MINUTES = 30;

/** The terminal of the person who started it. */
interface ConsoleTerminal {
  print(line: string): void;
  /**
   * Delivers the bytes of each key, and `onEnd` when the terminal is gone. Returns how to end that. Null without a
   * terminal.
   */
  readonly keys: ((onBytes: (bytes: Uint8Array) => void, onEnd: () => void) => () => void) | null;
}

export interface ConsoleParts {
  readonly context: Omit<ConsoleContext, 'signal' | 'known'> & { readonly known: SpanRedactor };
  readonly clock: Clock;
  readonly files: Files;
  readonly pages: PageFiles;
  readonly terminal: ConsoleTerminal;
  readonly user: ConsoleUser;
  /** The user IDs of the person: that of this process, and that of the user who ran sudo. */
  readonly users: readonly number[];
  readonly version: string;
  /** How the person reaches this host by ssh. */
  readonly target: SshTarget;
  readonly listen: ListenChoice;
  readonly folders: ListenFolders;
  connect(): Promise<ReachedDaemon>;
  sockets(): Promise<Pick<SocketPaths, 'look' | 'operate'>>;
  /** Aborted when the process is to stop. */
  readonly signal: AbortSignal;
  /** Other limits of the server, for tests. */
  readonly limits?: NonNullable<ConsoleServerParts['limits']>;
}

/** Serves the pages until the console ends. @throws CodedError CONSOLE-LISTEN, FOLDER-UNSAFE, FILE-* */
export async function runConsole(parts: ConsoleParts): Promise<void> {
  const { clock, terminal, listen, folders, user, context, target } = parts;
  const ending = new AbortController();
  const end = (reason: string | null) => {
    if (reason !== null && !ending.signal.aborted) terminal.print(reason);
    ending.abort();
  };
  const [keys, tokens] = [new LinkKeys(clock), new Tokens()];
  const idle = clock.after(IDLE_MINUTES * 60_000, () => {
    if (tokens.streams > 0) idle.restart();
    else end(`No page was used for ${IDLE_MINUTES} minutes, so the console has ended.`);
  });
  let line: string | null = null;
  const server = consoleServer({
    clock,
    pages: parts.pages,
    keys,
    tokens,
    known: context.known,
    routes: routesOfConsole({ ...parts, sshLine: () => line }, ending.signal),
    users: parts.users,
    connectedUsers: usersConnectedTo,
    onUse: () => idle.restart(),
    onRefusedKey: (verdict) => warnOf(verdict, terminal),
    ...(parts.limits === undefined ? {} : { limits: parts.limits }),
  });
  const stopListening = [onAbort(parts.signal, () => end(null))];
  try {
    const { address, close } = await listenForPages(server, listen, folders);
    try {
      line = sshLine(address, target);
      const printLink = () => {
        for (const text of linkLines(address, target, keys.make())) terminal.print(text);
      };
      terminal.print(`The console of Sallyport runs as user ${user.name}, with the rights of this user.`);
      printLink();
      const press = (byte: number) => {
        if (ENTER.has(byte)) printLink();
        else if (LEAVE.has(byte)) end(null);
      };
      stopListening.push(
        terminal.keys?.(
          (bytes) => bytes.forEach(press),
          () => end(null),
        ) ?? (() => undefined),
      );
      if (terminal.keys !== null) terminal.print('Press ENTER for another link, or Ctrl-C to end the console.');
      await new Promise<void>((resolve) => void onAbort(ending.signal, resolve));
    } finally {
      await close();
    }
  } finally {
    ending.abort();
    idle.cancel();
    keys.close();
    for (const stop of stopListening) stop();
  }
}

const ENTER: ReadonlySet<number> = new Set([0x0a, 0x0d]);
/** Ctrl-C and Ctrl-D; the terminal passes them on as bytes. */
const LEAVE: ReadonlySet<number> = new Set([0x03, 0x04]);

function routesOfConsole(parts: ConsoleParts & { sshLine(): string | null }, signal: AbortSignal) {
  const { clock, files, user, version, sockets } = parts;
  const { file, changeSocket, known } = parts.context;
  const link = new DaemonLink(parts.connect, clock);
  const session = { user, host: hostname(), version, file, changeSocket, files, known, link, sockets };
  const readNow = () => readSession({ ...session, idleMinutes: IDLE_MINUTES, sshLine: parts.sshLine() });
  return [
    answerRoute({ method: 'GET', path: '/api/session', request: null }, readNow),
    ...verbRoutes({ link, clock, known }),
    ...changeRoutes({ ...parts.context, signal }),
  ];
}

function warnOf(verdict: KeyVerdict, { print }: ConsoleTerminal): void {
  if (verdict === 'used') {
    print('Refused a link that was used before. If you did not open it twice, another person may have seen it.');
  }
}
