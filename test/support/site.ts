// An installation as an admin has it: a folder with a configuration, and the program, in this process or in a separate
// one.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PROGRAM_PATH } from './built-program.ts';
import { BARE_ENVIRONMENT } from './main-path.ts';
import { type RanHere, type RunHereOptions, runHere } from './run-here.ts';
import { yamlOf } from './yaml-of.ts';

/** How a process ended and what it said. */
export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  readonly err: string;
}

/** A process that was started. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Resolves with the first line, of stdout or stderr, that has this text, also an earlier one; rejects when it ends without. */
  line(text: string): Promise<string>;
}

/** Puts a command around a command. */
export type Wrap = (command: readonly [string, ...string[]]) => { command: string; args: string[] };

const asItIs: Wrap = ([command, ...args]) => ({ command, args });

/** A folder with everything; `remove` ends what still runs. */
export class Site {
  readonly dir: string;
  readonly config: string;
  readonly #running = new Set<ChildProcess>();

  private constructor(dir: string) {
    this.dir = dir;
    this.config = join(dir, 'config', 'sallyport.yaml');
  }

  static async make(): Promise<Site> {
    const site = new Site(await mkdtemp(join(tmpdir(), 'sallyport-site-')));
    await mkdir(join(site.dir, 'config'));
    return site;
  }

  /** Writes the configuration: these sections, with every folder inside the site. */
  async configure(sections: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const { updates, logging, ...rest } = sections as { updates?: object; logging?: object };
    const settings = {
      version: 2,
      retry: { attempts: 1 },
      ...rest,
      updates: { packages_dir: join(this.dir, 'packages'), ...updates },
      logging: { dir: join(this.dir, 'logs'), ...logging },
      daemon: { state_dir: join(this.dir, 'state'), control_socket: join(this.dir, 'control.sock') },
    };
    await writeFile(this.config, yamlOf(settings), { mode: 0o600 });
  }

  /** Writes a file next to the configuration; returns its path. */
  async write(name: string, content: string): Promise<string> {
    const path = join(this.dir, name);
    await writeFile(path, content);
    return path;
  }

  /** Starts a command; `environment` is its whole environment except PATH. */
  start(args: readonly string[], environment: Readonly<Record<string, string>> = {}, wrap: Wrap = asItIs): Running {
    const node = [process.execPath, '--disable-sigusr1', '--report-exclude-env'] as const;
    const started = wrap([...node, PROGRAM_PATH, ...args, '--config', this.config]);
    const child = spawn(started.command, started.args, {
      cwd: this.dir,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...BARE_ENVIRONMENT, ...environment },
    });
    this.#running.add(child);
    return watch(child);
  }

  /** Runs a command to its end in this process. `environment` is its whole environment. */
  async run(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<RanHere> {
    return await runHere([...args, '--config', this.config], { environment });
  }

  /** The same with a person at the terminal, who answers each question in this order; a part of each is given. */
  async runAtTerminal(args: readonly string[], answers: Required<RunHereOptions>['answers']): Promise<RanHere> {
    return await runHere([...args, '--config', this.config], { answers });
  }

  /** Runs a command to its end as a process. */
  async runProcess(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
    return await this.start(args, environment).ended;
  }

  async remove(): Promise<void> {
    for (const child of this.#running) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    // Work of a command in this process can end after it: what was learned about a proxy is saved in the background.
    await rm(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

function watch(child: ChildProcess): Running {
  const said = { out: '', err: '' };
  const lines: string[] = [];
  const waiting = new Set<(line: string) => void>();
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('the process has no pipes');
  const hear = (stream: 'out' | 'err', input: NodeJS.ReadableStream) =>
    createInterface({ input }).on('line', (line) => {
      said[stream] += `${line}\n`;
      lines.push(line);
      for (const take of waiting) take(line);
    });
  hear('out', stdout);
  hear('err', stderr);
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal, ...said }));
  });
  const line = (text: string) =>
    new Promise<string>((resolve, reject) => {
      const found = lines.find((one) => one.includes(text));
      if (found !== undefined) return resolve(found);
      const take = (one: string) => {
        if (!one.includes(text)) return;
        waiting.delete(take);
        resolve(one);
      };
      waiting.add(take);
      void ended.then(({ out, err }) => reject(new Error(`it ended without "${text}":\n${out}${err}`)));
    });
  return { child, ended, line };
}
