// A terminal that keeps what was said, and no more than a pipe can do.

import type { Terminal } from '#cli/terminal.ts';

export interface FakeTerminal extends Terminal {
  /** Lines on stdout, and on stderr. */
  readonly told: string[];
  readonly complained: string[];
  /** What was written to the screen. */
  written: string;
}

export function fakeTerminal(): FakeTerminal {
  const told: string[] = [];
  const complained: string[] = [];
  const terminal: FakeTerminal = {
    told,
    complained,
    written: '',
    out: (line) => void told.push(line),
    err: (line) => void complained.push(line),
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
