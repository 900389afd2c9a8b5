// The program as a separate process with a configuration in its own folder, for tests that need a real process.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PROGRAM_PATH } from './built-program.ts';
import { yamlOf } from './yaml-of.ts';

/** A process of ours that runs or ran. */
export interface SallyportProcess {
  readonly child: ChildProcess;
  /** Lines of stdout and stderr so far. */
  readonly lines: readonly string[];
  /** Resolves with the first line that holds this text, now or later; rejects when the process ends without it. */
  said(text: string): Promise<string>;
  /** Exit status, or the signal that it died of. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** Writes a configuration over these sections with every folder inside `dir`; returns its path. */
export async function writeConfig(dir: string, sections: Record<string, object | boolean>): Promise<string> {
  const { updates, logging, ...rest } = sections;
  const file = join(dir, 'config', 'sallyport.yaml');
  await mkdir(join(dir, 'config'), { recursive: true });
  const settings = {
    version: 2,
    updates: { packages_dir: join(dir, 'packages'), jitter_seconds: 0, ...(updates as object) },
    logging: { dir: join(dir, 'logs'), ...(logging as object) },
    daemon: { state_dir: join(dir, 'state'), control_socket: join(dir, 'control.sock') },
    ...rest,
  };
  await writeFile(file, yamlOf(settings), { mode: 0o600 });
  return file;
}

/** Starts the program; `execArgv` goes to Node, such as `--import` of a fault. */
export function startSallyport(
  args: readonly string[],
  options: { readonly execArgv?: readonly string[]; readonly env?: NodeJS.ProcessEnv } = {},
): SallyportProcess {
  const child = spawn(process.execPath, ['--disable-sigusr1', ...(options.execArgv ?? []), PROGRAM_PATH, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...options.env },
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  let over = false;
  const wake = () => {
    for (const look of waiting) look();
  };
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      wake();
    });
  }
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('close', (code, signal) => {
      over = true;
      wake();
      resolve(code ?? signal ?? -1);
    });
  });
  const said = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const line = lines.find((one) => one.includes(text));
        if (line === undefined && !over) return;
        waiting.delete(look);
        if (line === undefined) reject(new Error(`It ended without saying "${text}":\n${lines.join('\n')}`));
        else resolve(line);
      };
      waiting.add(look);
      look();
    });
  return { child, lines, said, ended };
}
