// The command `sallyport console` with its options and help.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { filled } from '#cli/terminal/wrap.ts';
import type { Globals, Hooks } from './program-hooks.ts';

/** A socket, a port, or what suits this login. */
export type ConsoleListen = 'socket' | 'auto' | number;

/** The action that `sallyport.ts` provides. It returns the exit status. */
export interface ConsoleActions {
  webConsole(globals: Globals, options: { readonly listen: ConsoleListen }): Promise<number>;
}

/** Adds the options and the action of the command. */
export function addConsoleOptions(command: Command, actions: ConsoleActions, { globals, does }: Hooks): void {
  command
    .addOption(
      new Option('--listen <where>', 'a port of 127.0.0.1, or socket; default: socket under ssh, else a free port')
        .argParser(readListen)
        .default('auto', 'by the login'),
    )
    .addHelpText('after', filled(CONSOLE_HELP))
    .action(does((options: { listen: ConsoleListen }) => actions.webConsole(globals(), options)));
}

const MAX_PORT = 65_535;

function readListen(text: string): ConsoleListen {
  if (text === 'socket') return text;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port > 0 && port <= MAX_PORT) return port;
  throw new InvalidArgumentError(`Use a port from 1 to ${MAX_PORT}, or socket.`);
}

const CONSOLE_HELP = `
Serves pages to a browser until Ctrl-C, until its terminal closes, or after 30 minutes without use. The pages can do what you
can do with commands. The command prints a link that works once, and the ssh command for your own machine. ENTER prints
another link. Root becomes the user sallyport-console first. docs/console.md describes the pages.`;
