// The options of commands that can test a change of the configuration before they save it.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseWindow } from '#cli/settings/confirm.ts';

/** Adds the options to a command. */
export function withConfirm(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--confirm-within <time>',
        'test the change for at most this long, such as 60s; save it only if every stage passes or you run sallyport proxy confirm',
      ).argParser(readWindow),
    )
    .option('--save-anyway', 'save the change even if a stage fails; the network may be down after that', false);
}

function readWindow(text: string): number {
  const ms = parseWindow(text);
  if (ms !== null) return ms;
  throw new InvalidArgumentError('Use a time such as 60s or 2m, from 5s to 1h.');
}
