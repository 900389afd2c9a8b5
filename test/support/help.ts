// Every command with its options, read from the help that the program prints.

import { type Actions, runProgram } from '#cli/program/program.ts';
import { fakeTerminal } from '#test/support/fake-terminal.ts';

/** One command; `path` is empty for the program itself. */
export interface HelpOfCommand {
  readonly path: readonly string[];
  /** With their dashes, such as `-c` and `--config`. */
  readonly options: readonly string[];
  /** Such as `<dir>`. */
  readonly places: readonly string[];
  /** False for a mere group, such as `updates`. */
  readonly works: boolean;
}

/** Every command, the program first. */
export async function readHelp(path: readonly string[] = []): Promise<HelpOfCommand[]> {
  const text = await helpOf(path);
  const children = namesUnder(text, 'Commands:').filter((name) => name !== 'help');
  const deeper = await Promise.all(children.map((name) => readHelp([...path, name])));
  const options = [...text.matchAll(/^ {2}(?:(-\w), )?(--[a-z0-9-]+)/gm)].flatMap(([, short, long]) =>
    [short, long].filter((option) => option !== undefined),
  );
  const usage = /^Usage: (.*)$/m.exec(text)?.[1] ?? '';
  const places = [...usage.matchAll(/<[a-z]+>/g)].map(([place]) => place);
  return [{ path, options: [...new Set(options)], places, works: children.length === 0 }, ...deeper.flat()];
}

async function helpOf(path: readonly string[]): Promise<string> {
  const terminal = fakeTerminal();
  const status = await runProgram([...path, '--help'], { actions: {} as Actions, terminal, version: '0.0.0' });
  if (status !== 0) throw new Error(`no help of ${path.join(' ')}`);
  return terminal.written;
}

function namesUnder(text: string, head: string): string[] {
  const part = text.split(`${head}\n`)[1]?.split('\n\n')[0] ?? '';
  return [...part.matchAll(/^ {2}([a-z-]+)/gm)].map(([, name = '']) => name);
}
