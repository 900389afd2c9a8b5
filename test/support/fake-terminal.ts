// A terminal that records its output and behaves like a pipe.

import type { Answers } from '#cli/terminal/answers.ts';
import type { Terminal } from '#cli/terminal/terminal.ts';

/** A person at the terminal, who answers each question in order; an unexpected question ends the input. */
export interface FakeAnswers extends Answers {
  /** Every question, and whether its answer was shown. */
  readonly asked: { readonly question: string; readonly shown: boolean }[];
}

/** Answers by a part of their question, in order; or the piped input if no person is at the terminal. */
export function fakeAnswers(
  script: readonly (readonly [about: string, answer: string])[] | { piped: string },
): FakeAnswers {
  const asked: { question: string; shown: boolean }[] = [];
  const left = 'piped' in script ? [] : [...script];
  const answer = (question: string, shown: boolean) => {
    asked.push({ question, shown });
    const [about, text] = left.shift() ?? [];
    if (about !== undefined && !question.includes(about)) throw new Error(`asked "${question}" where ${about} was due`);
    return Promise.resolve(text ?? null);
  };
  return {
    asked,
    interactive: !('piped' in script),
    line: (question) => answer(question, true),
    hidden: (question) => answer(question, false),
    enter: () => Promise.resolve(false),
    keys: null,
    piped: () => Promise.resolve('piped' in script ? script.piped : ''),
    bytes: async function* () {
      yield await Promise.resolve(Buffer.from('piped' in script ? script.piped : ''));
    },
  };
}

export interface FakeTerminal extends Terminal {
  /** Lines on stdout, and on stderr. */
  readonly printed: string[];
  readonly errors: string[];
  /** What was written to the screen. */
  written: string;
}

export function fakeTerminal(answers: Answers = fakeAnswers({ piped: '' })): FakeTerminal {
  const printed: string[] = [];
  const errors: string[] = [];
  const terminal: FakeTerminal = {
    printed,
    errors,
    written: '',
    answers,
    out: (line) => void printed.push(line),
    err: (line) => void errors.push(line),
    screen: {
      write: (text) => {
        terminal.written += text;
      },
      tty: false,
      color: false,
      columns: () => 80,
    },
  };
  return terminal;
}
