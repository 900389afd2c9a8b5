// The spool of commands that this host has received from the platform and not yet carried out.

import { z } from 'zod';
import { purposeRow } from '#config/purposes.ts';
import { type ReceivedCommand, receivedCommandSchema } from '#platform/messages.ts';
import type { SpoolKind } from '#spool/spool.ts';

/** What is kept of a command. Its key is the id of the command. */
export interface StoredCommand {
  readonly command: ReceivedCommand;
  /** The number that the platform gave it. */
  readonly seq: number;
  /** Counts how often the platform began to number from the beginning; numbers are comparable only within one. */
  readonly series: number;
}

const storedSchema = z.object({
  command: receivedCommandSchema,
  seq: z.int().positive(),
  series: z.int().nonnegative(),
});

const SCOPE = { purpose: 'platform', thread: purposeRow('platform').thread } as const;

/** A command is at most 1.5 KB. */
export const COMMANDS: SpoolKind<StoredCommand> = {
  name: 'platform_commands',
  quota: { entries: 1_000, bytes: 4 * 1_048_576 },
  body: storedSchema,
  setAside: (error) => ({ name: 'platform-command-unusable', error, ...SCOPE }),
};

/** The name of a command, as the platform sent it. */
export function nameOf({ command }: StoredCommand): string {
  return command.command === 'unusable' ? command.name : command.command;
}
