// A command of the program in this process: the same code from the arguments to the exit status, without the 0.5 s of a
// core that a process costs. What only a process shows (signals, standard streams, umask, rights) needs `Site.start`.

import { fileURLToPath } from 'node:url';
import { coded } from '#errors/coded-error.ts';
import { KnownSecrets } from '#redaction/known-secrets.ts';
import { runSallyport } from '#sallyport';
import { takeEnvironment } from '#system/process/environment.ts';
import { LastResort } from '#system/process/last-resort.ts';
import { fakeAnswers } from './fake-terminal.ts';

/** No checkout, so that the default places are those of an installed program. */
const ROOT = fileURLToPath(new URL('.', import.meta.url));

/** The exit status of a command, and its output as it would be in two pipes. */
export interface RanHere {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunHereOptions {
  /** The whole environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Answers at a terminal, each with a part of its question; without them no person is there. */
  readonly answers?: readonly (readonly [about: string, answer: string])[];
  /** Standard input, if no person is there; empty by default. */
  readonly piped?: string;
  /** A person at a terminal, who presses ENTER at some time, and what the command has written so far. */
  readonly atTerminal?: { readonly enter: Promise<boolean>; shown(text: string): unknown };
  /** Aborting it is a SIGTERM. */
  readonly signal?: AbortSignal;
}

/** Runs a command to its end. */
export async function runHere(args: readonly string[], options: RunHereOptions = {}): Promise<RanHere> {
  const { environment = {}, answers, piped = '', atTerminal, signal } = options;
  const said = { out: '', err: '' };
  const out = (text: string) => {
    said.out += text;
    atTerminal?.shown(said.out);
  };
  const err = (text: string) => {
    said.err += text;
  };
  const stop = new AbortController();
  signal?.addEventListener('abort', () => stop.abort(coded('INTERRUPTED', { reason: 'SIGTERM' })), { once: true });
  const asked = fakeAnswers(answers ?? (atTerminal === undefined ? { piped } : []));
  const ask = (question: string, hidden: boolean) => {
    err(question);
    return hidden ? asked.hidden(question) : asked.line(question);
  };
  const code = await runSallyport(args, {
    root: ROOT,
    terminal: {
      out: (line) => out(`${line}\n`),
      err: (line) => err(`${line}\n`),
      screen: { write: out, tty: atTerminal !== undefined, color: false, columns: () => 80 },
      answers: {
        ...asked,
        line: (question) => ask(question, false),
        hidden: (question) => ask(question, true),
        ...(atTerminal === undefined ? {} : { enter: () => atTerminal.enter }),
      },
    },
    environment: takeEnvironment({ ...environment }, process.pid),
    known: new KnownSecrets(),
    lastResort: new LastResort(),
    stopping: stop.signal,
    scryptWork: 1,
  });
  return { code, ...said };
}
