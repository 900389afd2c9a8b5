// Prints which daemon answers a command. The note goes to stderr, so that stdout contains only the result.

import type { Terminal } from './terminal.ts';

/** Prints which daemon the command uses. */
export function printAnsweringDaemon(terminal: Pick<Terminal, 'err'>, socket: string): void {
  terminal.err(`Using the daemon that listens at ${socket}.`);
}
