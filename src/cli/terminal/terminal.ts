// Where a command speaks: lines to stdout, complaints to stderr, and what the terminal can show. The only place of the
// commands that looks at the process; a test passes its own.

import type { Screen } from '#logging/terminal.ts';
import { isJournal } from '#system/process/journal.ts';
import { type Answers, processAnswers } from './answers.ts';

/** What a command may do to the outside. */
export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  /** For live log lines with a bar, on stdout. */
  readonly screen: Screen;
  /** What comes in: answers to questions, and what is piped into us. */
  readonly answers: Answers;
}

/** Where lines break: the window's width; elsewhere never, so that whoever searches the output finds whole lines. */
export function widthOf({ tty, columns }: Screen): number {
  const width = columns();
  return tty && Number.isInteger(width) && width > 0 ? width : Number.POSITIVE_INFINITY;
}

/** The terminal of this process. Color only on a tty and without NO_COLOR (no-color.org). */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  const plain = (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb';
  // A reader that goes away (`| head`) ends the writing, not the work.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  return {
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    screen: {
      write: (text) => void stdout.write(text),
      // A terminal that calls itself dumb can move no cursor.
      tty: stdout.isTTY === true && process.env['TERM'] !== 'dumb',
      color: stdout.isTTY === true && !plain,
      journal: isJournal(stdout.fd, process.env['JOURNAL_STREAM']),
      columns: () => stdout.columns ?? 80,
      backlog: () => stdout.writableLength,
      onceDrained: (callback) => void stdout.once('drain', callback),
      // What is complained of on stderr must not wait for the same terminal either.
      unblock: () => [stdout, stderr].forEach(unblock),
    },
    answers: processAnswers(),
  };
}

/** Node makes writes to a terminal wait for its reader, and has no public way to change that; pipes never wait. */
function unblock(stream: NodeJS.WriteStream): void {
  const { _handle: handle } = stream as { _handle?: { setBlocking?(blocking: boolean): unknown } };
  if (stream.isTTY === true) handle?.setBlocking?.(false);
}
