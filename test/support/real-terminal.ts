// A command in a real terminal of a given width (a pty of script(1)): its output, and what remains on the screen.

import { spawn } from 'node:child_process';
import { PROGRAM_PATH } from './built-program.ts';
import { BARE_ENVIRONMENT } from './main-path.ts';

export interface InTerminal {
  readonly status: number | null;
  /** Everything that was written, escape sequences included. */
  readonly written: string;
  /** The lines that stay. */
  readonly lines: readonly string[];
  /** Every state of the live line, in order. */
  readonly live: readonly string[];
}

/** Runs a command of ours to its end. */
export async function runInTerminal(args: readonly string[], columns: number): Promise<InTerminal> {
  const command = [process.execPath, '--disable-sigusr1', PROGRAM_PATH, ...args].map(quoted).join(' ');
  const child = spawn('script', ['-qefc', `stty cols ${columns} rows 40; exec ${command}`, '/dev/null'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...BARE_ENVIRONMENT, TERM: 'xterm', NO_COLOR: '1' },
  });
  let written = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (written += chunk.toString()));
  const status = await new Promise<number | null>((resolve) => {
    child.once('close', (code) => resolve(code));
  });
  return { status, written, ...shownOf(written) };
}

/** Each line end keeps the line; each wipe removes what was drawn since. */
function shownOf(written: string): Pick<InTerminal, 'lines' | 'live'> {
  const drawn = written
    .replaceAll('\r\n', '\n')
    .split('\n')
    .map((line) => line.split(WIPE));
  return {
    lines: drawn.map((states) => states.at(-1) ?? '').filter((line) => line !== ''),
    live: drawn.flatMap((states) => states.slice(0, -1)).filter((line) => line !== ''),
  };
}

const WIPE = /\r\u001b\[2K(?:\u001b\[1A\u001b\[2K)*/;

function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
