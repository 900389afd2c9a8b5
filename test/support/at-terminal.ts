// Runs a command as a real process with a person at its terminal: it asks questions and gets the answers in order.

import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PROGRAM_PATH } from './built-program.ts';
import { BARE_ENVIRONMENT } from './main-path.ts';

const TERMINAL = fileURLToPath(new URL('faults/terminal.ts', import.meta.url));

export interface AtTerminal {
  readonly child: ChildProcess;
  /** Exit status, and all that was said, questions among it. */
  readonly ended: Promise<{ readonly code: number | null; readonly said: string }>;
}

/** Starts it; each answer is typed once its question is there, in this order. */
export function startAtTerminal(
  args: readonly string[],
  answers: readonly (readonly [about: string, answer: string])[],
): AtTerminal {
  const child = spawn(process.execPath, ['--disable-sigusr1', '--import', TERMINAL, PROGRAM_PATH, ...args], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: BARE_ENVIRONMENT,
  });
  const left = [...answers];
  let said = '';
  let from = 0;
  const hear = (chunk: Buffer) => {
    said += chunk.toString();
    const [about = '', answer] = left[0] ?? [];
    const at = said.indexOf(about, from);
    if (answer === undefined || at === -1) return;
    left.shift();
    from = at + about.length;
    child.stdin.write(`${answer}\n`);
    // A pipe that stays open keeps a process; a terminal does not.
    if (left.length === 0) child.stdin.end();
  };
  child.stdout.on('data', hear);
  child.stderr.on('data', hear);
  const ended = new Promise<{ code: number | null; said: string }>((resolve) => {
    child.once('close', (code) => resolve({ code, said }));
  });
  return { child, ended };
}
