// Which daemon answers: a command that asks one says so on stderr, so that stdout stays the answer.

import type { Files } from '#system/files.ts';
import type { Terminal } from './terminal.ts';

/** Names the daemon that is asked. */
export function tellAsked(terminal: Pick<Terminal, 'err'>, socket: string): void {
  terminal.err(`Asked the daemon that listens at ${socket}.`);
}

/** Also by a link. */
export async function isSameFile(files: Pick<Files, 'realPath'>, one: string, other: string): Promise<boolean> {
  if (one === other) return true;
  const real = await Promise.all([one, other].map((path) => files.realPath(path).catch(() => path)));
  return real[0] === real[1];
}
