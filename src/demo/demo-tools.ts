// What the parts of the demo share: the terminal, the server, and a function that runs commands as a user would.

import type { Origin } from '#origin/server.ts';
import { systemClock, wait } from '#system/clock.ts';

/** The output of the demo. */
export interface DemoTerminal {
  out(line: string): void;
  err(line: string): void;
}

/** Runs a command of Sallyport, which prints to this terminal. Resolves with its exit status. */
export type RunCommand = (
  args: readonly string[],
  options: { readonly terminal: DemoTerminal; readonly signal: AbortSignal },
) => Promise<number>;

export interface DemoTools {
  /** The folder of the demo. */
  readonly dir: string;
  readonly origin: Origin;
  readonly configFile: string;
  readonly terminal: DemoTerminal;
  readonly runCommand: RunCommand;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 100;

/** Prints a command as a user would type it, and runs it. Resolves with its exit status. */
export async function runShown(
  { terminal, runCommand, configFile, signal }: DemoTools,
  { shown, args }: { readonly shown: string; readonly args: readonly string[] },
): Promise<number> {
  terminal.out(`$ sallyport ${shown}`);
  return await runCommand([...args, '--config', configFile], { terminal, signal });
}

/** Whether the condition became true within this time. @throws the reason of the signal */
export async function waitUntil(
  { signal }: Pick<DemoTools, 'signal'>,
  ms: number,
  isTrue: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const untilMs = systemClock.monotonic() + ms;
  while (!(await isTrue())) {
    if (systemClock.monotonic() >= untilMs) return false;
    await wait(systemClock, LOOK_EVERY_MS, signal);
  }
  return true;
}
