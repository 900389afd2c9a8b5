// `npm run picture`: records the demo in a terminal and writes docs/images/demo.svg, the picture at the head of README.
//
// The demo runs for real, in a terminal of script(1). The picture is its screen at the moment when the second package is
// between 40 % and 80 %. Only the path of the checkout is replaced. The <desc> of the picture has the same lines as text,
// for screen readers and for the test that compares them with the sentences of today's program.

import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import headless from '@xterm/headless';
import { drawScreen, type Screen } from './picture-svg.ts';

const ROOT = dirname(import.meta.dirname);
const PICTURE = join(ROOT, 'docs', 'images', 'demo.svg');
const SHOWN_ROOT = '/home/ada/sallyport';
const [COLUMNS, ROWS] = [120, 26];
/** The live line of the second package with its percentage. */
const BAR = /^1602503 \[#+-*\] +(?:[4-7]\d)%/;

const { Terminal } = headless;
type Emulator = InstanceType<typeof Terminal>;

/** The lines of the screen with their colors, from the top to the last line that is not empty. */
function readScreen(terminal: Emulator): Screen {
  const buffer = terminal.buffer.active;
  const rows = Array.from({ length: buffer.length }, (_none, index) => buffer.getLine(index));
  const screen = rows.map((row) => ({
    isWrapped: row?.isWrapped ?? false,
    cells: Array.from({ length: COLUMNS }, (_none, column) => {
      const cell = row?.getCell(column);
      const color = cell?.isFgPalette() === true ? cell.getFgColor() : null;
      return { text: cell?.getChars() || ' ', color, isBold: cell?.isBold() !== 0, isDim: cell?.isDim() !== 0 };
    }),
  }));
  const last = screen.findLastIndex(({ cells }) => cells.some(({ text }) => text !== ' '));
  return screen.slice(Math.max(0, last + 1 - ROWS), last + 1);
}

/** Runs the demo and resolves with its screen. @throws Error when the bar never showed */
async function record(): Promise<Screen> {
  const terminal = new Terminal({ cols: COLUMNS, rows: ROWS, scrollback: 500, allowProposedApi: true });
  const command = `stty cols ${COLUMNS} rows ${ROWS}; exec node tools/sallyport.js demo --once`;
  const child = spawn('script', ['-qefc', command, '/dev/null'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, TERM: 'xterm-256color' },
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', () => resolve());
  });
  let screen: Screen | null = null;
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
    const shown = chunk.toString('utf8').replaceAll(ROOT, SHOWN_ROOT);
    await new Promise<void>((resolve) => terminal.write(shown, resolve));
    const now = readScreen(terminal);
    const live =
      now
        .at(-1)
        ?.cells.map(({ text }) => text)
        .join('') ?? '';
    if (screen === null && BAR.test(live)) screen = now;
  }
  await ended;
  if (screen === null) throw new Error('the progress bar of the second package did not show');
  return screen;
}

mkdirSync(dirname(PICTURE), { recursive: true });
writeFileSync(PICTURE, drawScreen(await record(), COLUMNS));
process.stdout.write(`${PICTURE.slice(ROOT.length + 1)} written\n`);
