// The input and output of a command: results on stdout, errors and notes on stderr, and what the terminal can show.
// Only this file and `answers.ts` use the streams of the process; tests pass their own `Terminal`.

import type { Screen } from '#logging/terminal.ts';
import { isJournal } from '#system/process/journal.ts';
import { type Answers, processAnswers } from './answers.ts';

/** The input and output that a command may use. */
export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  /** For live log lines with a progress bar, on stdout. */
  readonly screen: Screen;
  /** Answers to questions, and piped input. */
  readonly answers: Answers;
  /** The window of a terminal; missing for a file or a pipe. */
  readonly window?: TerminalWindow;
}

/** The window of a terminal, which a person can resize. */
interface TerminalWindow {
  /** Null if the terminal does not report it, as on most serial lines. */
  size(): { readonly columns: number; readonly rows: number } | null;
  /** Calls back when the size has changed. Returns how to end that. */
  onResize(listener: () => void): () => void;
}

/** The width of the window, at which lines break. In files and pipes lines never break, so that grep finds them. */
export function widthOf({ tty, columns }: Screen): number {
  const width = columns();
  return tty && Number.isInteger(width) && width > 0 ? width : Number.POSITIVE_INFINITY;
}

/** The terminal of this process. Color only on a tty and without NO_COLOR (no-color.org). */
export function processTerminal(): Terminal {
  const { stdout, stderr } = process;
  const plain = (process.env['NO_COLOR'] ?? '') !== '' || process.env['TERM'] === 'dumb';
  // If the reader exits (`| head`), the output is lost but the work continues.
  for (const stream of [stdout, stderr]) stream.on('error', () => undefined);
  return {
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    screen: {
      write: (text) => void stdout.write(text),
      // A dumb terminal cannot move the cursor.
      tty: stdout.isTTY === true && process.env['TERM'] !== 'dumb',
      color: stdout.isTTY === true && !plain,
      journal: isJournal(stdout.fd, process.env['JOURNAL_STREAM']),
      columns: () => stdout.columns ?? 80,
      backlog: () => stdout.writableLength,
      closed: () => stdout.destroyed || stdout.errored !== null,
      onceDrained: (callback) => void stdout.once('drain', callback),
      // Writes to stderr must not wait for the same terminal either.
      unblock: () => [stdout, stderr].forEach(unblock),
    },
    answers: processAnswers(),
    ...(stdout.isTTY === true ? { window: windowOf(stdout) } : {}),
  };
}

function windowOf(stdout: NodeJS.WriteStream): TerminalWindow {
  return {
    size: () => {
      const { columns = 0, rows = 0 } = stdout;
      return columns > 0 && rows > 0 ? { columns, rows } : null;
    },
    onResize: (listener) => {
      stdout.on('resize', listener);
      return () => void stdout.off('resize', listener);
    },
  };
}

/** Node writes to a terminal synchronously, and only this private handle changes that. Pipes are not affected. */
function unblock(stream: NodeJS.WriteStream): void {
  const { _handle: handle } = stream as { _handle?: { setBlocking?(blocking: boolean): unknown } };
  if (stream.isTTY === true) handle?.setBlocking?.(false);
}
