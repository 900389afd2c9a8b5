// A terminal of a given size in a tmux server of the test: a command runs in it, a test presses keys and reads the screen.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 20;
const SHOWS_MS = 20_000;
/** Without a status line the window has all rows. A pane stays when its command ends, with its last screen. */
const CONF = 'set -g status off\nset -g remain-on-exit on\nset -g remain-on-exit-format ""\nset -g escape-time 0\n';
/** Runs a command and stores how it ended, and the settings of the terminal before and after. It outlives a hangup. */
const KEEPER = `trap : HUP INT TERM
folder=$1; shift
stty -g > "$folder/before"
"$@"
status=$?
stty -g > "$folder/after"
echo "$status" > "$folder/status.part"; mv "$folder/status.part" "$folder/status"`;

export interface PaneOptions {
  readonly columns: number;
  readonly rows: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** A tmux server with a socket of its own. */
export class Tmux {
  readonly #folder: string;
  readonly #environment: NodeJS.ProcessEnv;
  #panes = 0;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#environment = { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TERM: 'xterm', SHELL: '/bin/sh' };
  }

  static async start(): Promise<Tmux> {
    const folder = await mkdtemp(join(tmpdir(), 'tmux-'));
    await writeFile(join(folder, 'conf'), CONF);
    return new Tmux(folder);
  }

  /** Starts a command in a new terminal. */
  async open(command: readonly string[], { columns, rows, environment = {} }: PaneOptions): Promise<Pane> {
    this.#panes += 1;
    const name = `p${this.#panes}`;
    const folder = join(this.#folder, name);
    await mkdir(folder);
    const size = ['-x', String(columns), '-y', String(rows)];
    const given = Object.entries(environment).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
    await this.run(
      'new-session',
      '-d',
      '-s',
      name,
      ...size,
      ...given,
      '--',
      'sh',
      '-c',
      KEEPER,
      'sh',
      folder,
      ...command,
    );
    return new Pane(this, name, folder);
  }

  /** Runs a command of tmux; returns what it prints. */
  run(...args: readonly string[]): Promise<string> {
    const all = ['-u', '-S', join(this.#folder, 's'), '-f', join(this.#folder, 'conf'), ...args];
    return new Promise((resolve, reject) => {
      execFile('tmux', all, { env: this.#environment }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`tmux ${args.join(' ')}: ${stderr}`));
      });
    });
  }

  async stop(): Promise<void> {
    if (this.#panes > 0) await this.run('kill-server').catch(() => undefined);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** One terminal. */
export class Pane {
  readonly #tmux: Tmux;
  readonly #name: string;
  readonly #folder: string;

  constructor(tmux: Tmux, name: string, folder: string) {
    this.#tmux = tmux;
    this.#name = name;
    this.#folder = folder;
  }

  /** Presses keys by their names in tmux: Enter, Up, Escape, C-c. */
  async press(...keys: readonly string[]): Promise<void> {
    await this.#tmux.run('send-keys', '-t', this.#name, ...keys);
  }

  async type(text: string): Promise<void> {
    await this.#tmux.run('send-keys', '-t', this.#name, '-l', '--', text);
  }

  /** What the terminal shows now. */
  async screen(): Promise<string> {
    return (await this.#tmux.run('capture-pane', '-p', '-t', this.#name)).replace(/\n$/, '');
  }

  /** Waits until the screen has this text and no longer changes; returns it. */
  async shows(text: string | RegExp | ((screen: string) => boolean)): Promise<string> {
    const has = (screen: string) => {
      if (typeof text === 'function') return text(screen);
      return typeof text === 'string' ? screen.includes(text) : text.test(screen);
    };
    let before = '';
    for (const deadline = Date.now() + SHOWS_MS; Date.now() < deadline; await delay(LOOK_EVERY_MS)) {
      const now = await this.screen();
      if (now === before && has(now)) return now;
      before = now;
    }
    throw new Error(`the terminal does not show ${String(text)} but:\n${before}`);
  }

  async resize(columns: number, rows: number): Promise<void> {
    await this.#tmux.run('resize-window', '-t', this.#name, '-x', String(columns), '-y', String(rows));
  }

  /** The process ID of the command. */
  async pid(): Promise<number> {
    const keeper = (await this.#tmux.run('display-message', '-p', '-t', this.#name, '#{pane_pid}')).trim();
    return Number((await readFile(`/proc/${keeper}/task/${keeper}/children`, 'utf8')).trim());
  }

  /** Waits until the command has ended; returns its exit status as a shell has it, 128 and the number for a signal. */
  async ended(): Promise<number> {
    for (const deadline = Date.now() + SHOWS_MS; Date.now() < deadline; await delay(LOOK_EVERY_MS)) {
      const status = await readFile(join(this.#folder, 'status'), 'utf8').catch(() => null);
      if (status !== null) return Number(status);
    }
    throw new Error('the command does not end');
  }

  /** Whether the command left the settings of the terminal as they were. */
  async isRestored(): Promise<boolean> {
    const [before, after] = await Promise.all(
      ['before', 'after'].map((name) => readFile(join(this.#folder, name), 'utf8')),
    );
    return before !== '' && before === after;
  }

  /** The other side of the terminal goes away. */
  async kill(): Promise<void> {
    await this.#tmux.run('kill-session', '-t', this.#name);
  }
}
