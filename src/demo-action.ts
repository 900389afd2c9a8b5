// The command `demo`. It gives the demo one function that runs the daemon, and another that runs commands.

import type { Actions } from '#cli/program/program.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';
import type { RunAgent } from '#demo/demo.ts';

/** How the demo runs the daemon: until the signal, with a call after each round. */
export type DaemonOptions = Parameters<RunAgent>[1];

export interface DemoActionParts {
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
  /** The demo has its own folder in it, unless another is given. */
  readonly stateDir: string;
  readonly runAgent: RunAgent;
  /** Runs a command; resolves with its exit status. */
  runCommand(
    args: readonly string[],
    given: { readonly terminal: Terminal; readonly stopping: AbortSignal },
  ): Promise<number>;
}

/** The command, under the name that the program calls. */
export function demoAction(parts: DemoActionParts): Pick<Actions, 'demo'> {
  return {
    demo: async (options) => {
      const { runDemo } = await import('#demo/demo.ts');
      const { terminal, signal, stateDir, runAgent } = parts;
      return await runDemo({
        dir: options.dir ?? `${stateDir}/demo`,
        once: options.once,
        signal,
        terminal,
        runAgent,
        runCommand: (args, shown) =>
          parts.runCommand(args, { terminal: unattended({ ...terminal, ...shown.terminal }), stopping: shown.signal }),
      });
    },
  };
}

/** For a command that no person started: it asks nothing and draws nothing. */
function unattended(terminal: Terminal): Terminal {
  const answers = { ...terminal.answers, interactive: false };
  return { ...terminal, answers, screen: { ...terminal.screen, tty: false } };
}
