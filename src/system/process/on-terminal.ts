// Runs a program on the terminal of this process, such as the editor of `config edit`, and waits until it ends.
//
// Guarantees: no shell, exactly the given environment. When the signal is aborted, the program gets TERM. Ctrl-C at the
// terminal reaches the program itself. If Sallyport is killed, the program keeps the terminal.

import { spawn } from 'node:child_process';
import { onAbort } from '#system/abort.ts';

/** How the program ended. `failed`: it did not start, for the reason of the system. */
export type TerminalEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'failed'; readonly reason: string };

/** Runs it. Never rejects. */
export function runOnTerminal(
  [program, ...args]: readonly [string, ...string[]],
  environment: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<TerminalEnd> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'inherit', env: { ...environment } });
    const stopListening = onAbort(signal, () => void child.kill('SIGTERM'));
    child.once('error', (error: NodeJS.ErrnoException) => {
      stopListening();
      resolve({ kind: 'failed', reason: error.code ?? error.message });
    });
    child.once('close', (status, ended) => {
      stopListening();
      resolve(status === null ? { kind: 'signalled', signal: ended ?? '' } : { kind: 'exited', status });
    });
  });
}
