// Who answers: a command that finds a daemon says so, and whether that works with the file that the command was given. An
// answer about another configuration must not pass for one about this.

import { resolve } from 'node:path';
import type { Control } from '#control/control.ts';
import { showForeign } from '#errors/template.ts';
import type { Files } from '#system/files.ts';
import type { Terminal } from './terminal.ts';

/** What the command went by. */
export interface AskedAt {
  readonly socket: string;
  readonly file: string;
  readonly files: Pick<Files, 'realPath'>;
}

/** Tells it on stderr, so that stdout stays the answer. */
export async function tellAsked(
  terminal: Pick<Terminal, 'err'>,
  control: Pick<Control, 'status'>,
  { socket, file: given, files }: AskedAt,
): Promise<void> {
  terminal.err(`Asked the daemon that listens at ${socket}.`);
  const file = resolve(given);
  const { config } = await control.status();
  if (await isSameFile(files, config.file, file)) return;
  terminal.err(`It works with ${showForeign(config.file)}, not with ${showForeign(file)}.`);
}

/** Also by a link. */
export async function isSameFile(files: Pick<Files, 'realPath'>, one: string, other: string): Promise<boolean> {
  if (one === other) return true;
  const real = await Promise.all([one, other].map((path) => files.realPath(path).catch(() => path)));
  return real[0] === real[1];
}
