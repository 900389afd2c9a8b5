// Which daemon answers: a command that asks one says so on stderr, so that stdout stays the answer.

import type { Terminal } from './terminal.ts';

/** Names the daemon that is asked. */
export function printAnsweringDaemon(terminal: Pick<Terminal, 'err'>, socket: string): void {
  terminal.err(`Asked the daemon that listens at ${socket}.`);
}
