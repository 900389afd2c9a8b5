// `sallyport check`: checks for updates now, and shows the log lines of this check while it runs. The running daemon
// does the check. If no daemon is running, this process does it.

import type { Control, RoundResult } from '#control/control.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { exitStatusOf } from './terminal/failure.ts';
import { printJson } from './terminal/json.ts';
import type { Terminal } from './terminal/terminal.ts';

export interface CheckOptions {
  /** The result as one JSON object instead of live lines. */
  readonly json: boolean;
  /** First allows one more attempt with each password that is on hold. */
  readonly retryCredential: boolean;
  /** Downloads and publishes outside the hours of `updates.window` as well. */
  readonly now: boolean;
  readonly signal: AbortSignal;
  /** Prints one event as the log would. */
  show(event: SallyportEvent): void;
}

/** Exit status: 0 when the feed was read and nothing failed, else the class of the first failure. */
export async function checkCommand(control: Control, terminal: Terminal, options: CheckOptions): Promise<number> {
  if (options.retryCredential) await control.retryCredentials(null);
  const show = options.json ? () => undefined : options.show;
  const result = await (options.now ? control.checkNow(show, options.signal) : control.check(show, options.signal));
  if (options.json) printJson(terminal, result);
  return exitStatus(result);
}

function exitStatus(result: RoundResult): number {
  const first = result.failure ?? result.failed[0]?.failure ?? null;
  return first === null ? EXIT_OK : exitStatusOf(first);
}
