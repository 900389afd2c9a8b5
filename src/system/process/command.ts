// Runs a program of the admin's: the only place that starts processes.
//
// Guarantees: no shell; exactly the given environment, nothing of ours; nothing to read, no file of ours open; a process
// group of its own, which is ended as a whole when the program ends, takes too long or is not wanted any more: TERM, a
// grace, KILL. Never rejects. A process that left the group (setsid) is systemd's to end with the service. If we die, the
// program goes on by itself. Relies on Linux for groups and modes.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { onAbort } from '#system/abort.ts';
import { type Clock, type Timer, wait } from '#system/clock.ts';

/** How often a group that was told to end is looked at. */
const LOOK_EVERY_MS = 50;
/** What is still in the pipes when everything has ended is there at once; a stranger that holds one may hold it for ever. */
const DRAIN_MS = 1_000;
/** As many links as Linux follows before it says ELOOP. */
const MAX_LINKS = 40;
/** A longer line is cut into pieces, so that a program that writes none costs nothing. */
const MAX_LINE_LENGTH = 4_096;

/** A program and what it gets. */
export interface Command {
  readonly path: string;
  readonly arguments: readonly string[];
  /** All of it. */
  readonly environment: Readonly<Record<string, string>>;
}

/** How long it may take and who hears what it writes. */
export interface CommandLimits {
  readonly limitMs: number;
  /** Between TERM and KILL. */
  readonly graceMs: number;
  /** The same when it is ended by the signal. */
  readonly stopGraceMs: number;
  /** So much of what it writes is handed on; the rest is read and dropped. */
  readonly outputBytes: number;
  onLine(stream: 'stdout' | 'stderr', line: string): void;
  /** Told once, when the first byte is dropped. */
  onCut(): void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** How it ended. */
export type CommandEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'not-started'; readonly reason: string };

/** A name on the way to a program, as it is now. */
export interface PathEntry {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'symbolic link' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly owner: number;
}

/** What the hook runs commands with; a test passes its own. */
export interface Commands {
  /** The user that commands run as. */
  readonly self: number;
  run(command: Command, limits: CommandLimits): Promise<CommandEnd>;
  /** Every name that decides which program a path means: each folder from / on, each link and what it leads to. */
  resolvePath(path: string): Promise<readonly PathEntry[]>;
}

/** Commands as processes of this machine. */
export class SystemCommands implements Commands {
  readonly #clock: Clock;
  readonly self: number = process.geteuid?.() ?? 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run(command: Command, limits: CommandLimits): Promise<CommandEnd> {
    if (limits.signal.aborted) return { kind: 'stopped' };
    let child: ChildProcess;
    try {
      child = spawn(command.path, command.arguments, {
        cwd: '/',
        // Node adds this one by itself where it is set, unless it is named.
        env: { ...command.environment, NODE_V8_COVERAGE: undefined },
        stdio: ['ignore', 'pipe', 'pipe'],
        detached: true,
        shell: false,
      });
    } catch (thrown) {
      return notStarted(thrown);
    }
    return await new Run(this.#clock, child, limits).end();
  }

  async resolvePath(path: string): Promise<readonly PathEntry[]> {
    const points: PathEntry[] = [await pathEntry('/')];
    let rest = path.split('/').filter(isName);
    let at = '/';
    for (let links = 0; rest.length > 0; ) {
      const [name = '', ...after] = rest;
      if (name === '..') {
        [at, rest] = [dirname(at), after];
        continue;
      }
      const point = await pathEntry(join(at, name));
      points.push(point);
      if (point.kind !== 'symbolic link') {
        [at, rest] = [point.path, after];
        continue;
      }
      links += 1;
      if (links > MAX_LINKS) throw new Error('ELOOP: too many symbolic links');
      const target = await readlink(point.path);
      if (target.startsWith('/')) at = '/';
      rest = [...target.split('/').filter(isName), ...after];
    }
    return points;
  }
}

/** One process group from its start to its end. */
class Run {
  readonly #clock: Clock;
  readonly #child: ChildProcess;
  readonly #limits: CommandLimits;
  readonly #over = new AbortController();
  #room: number;
  #cut = false;
  #ended: 'too-long' | 'stopped' | null = null;

  constructor(clock: Clock, child: ChildProcess, limits: CommandLimits) {
    this.#clock = clock;
    this.#child = child;
    this.#limits = limits;
    this.#room = limits.outputBytes;
  }

  async end(): Promise<CommandEnd> {
    const { limitMs, signal } = this.#limits;
    const closed = this.#listen();
    const exited = this.#exit();
    const stopListening = onAbort(signal, () => this.#finish('stopped'));
    const timer: Timer = this.#clock.after(limitMs, () => this.#finish('too-long'));
    try {
      const ended = await exited;
      if (ended.kind === 'not-started') return ended;
      // Whatever it left behind in its group ends with it.
      await this.#endGroup();
      await Promise.race([closed, this.#pause(DRAIN_MS)]);
      return this.#ended === null ? ended : { kind: this.#ended };
    } finally {
      timer.cancel();
      stopListening();
      this.#over.abort();
      this.#child.stdout?.destroy();
      this.#child.stderr?.destroy();
    }
  }

  #exit(): Promise<CommandEnd> {
    return new Promise((resolve) => {
      this.#child.once('error', (error) => {
        if (this.#child.pid === undefined) resolve(notStarted(error));
      });
      this.#child.once('exit', (status, signal) => {
        resolve(signal === null ? { kind: 'exited', status: status ?? 0 } : { kind: 'signalled', signal });
      });
    });
  }

  #finish(why: 'too-long' | 'stopped'): void {
    this.#ended ??= why;
    void this.#endGroup();
  }

  /** TERM, then KILL for who is still there after the grace. */
  async #endGroup(): Promise<void> {
    if (!this.#tell('SIGTERM')) return;
    const { graceMs, stopGraceMs } = this.#limits;
    const until = this.#clock.monotonic() + (this.#ended === 'stopped' ? stopGraceMs : graceMs);
    while (this.#clock.monotonic() < until && !this.#over.signal.aborted) {
      await this.#pause(Math.min(LOOK_EVERY_MS, until - this.#clock.monotonic()));
      if (!this.#tell(0)) return;
    }
    this.#tell('SIGKILL');
  }

  /** True while anybody of the group is there. */
  #tell(signal: NodeJS.Signals | 0): boolean {
    const { pid } = this.#child;
    if (pid === undefined) return false;
    try {
      process.kill(-pid, signal);
      return true;
    } catch (thrown) {
      return (thrown as NodeJS.ErrnoException).code === 'EPERM';
    }
  }

  async #pause(ms: number): Promise<void> {
    await wait(this.#clock, ms, this.#over.signal).catch(() => undefined);
  }

  /** Hands lines on; resolves when both streams have ended. */
  #listen(): Promise<void> {
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = this.#child[name];
      if (stream === null) continue;
      const decoder = new StringDecoder('utf8');
      let open = '';
      const take = (text: string) => {
        const lines = (open + text).split('\n');
        open = lines.pop() ?? '';
        for (const line of lines) this.#hand(name, line);
        while (open.length > MAX_LINE_LENGTH) {
          this.#hand(name, open.slice(0, MAX_LINE_LENGTH));
          open = open.slice(MAX_LINE_LENGTH);
        }
      };
      stream.on('data', (chunk: Buffer) => {
        const kept = chunk.subarray(0, this.#room);
        if (kept.length < chunk.length && !this.#cut) this.#limits.onCut();
        this.#cut ||= kept.length < chunk.length;
        this.#room -= kept.length;
        take(decoder.write(kept));
      });
      stream.once('end', () => {
        take(decoder.end());
        if (open !== '') this.#hand(name, open);
      });
      stream.on('error', () => undefined);
    }
    return new Promise((resolve) => {
      this.#child.once('close', () => resolve());
    });
  }

  #hand(stream: 'stdout' | 'stderr', line: string): void {
    const text = line.replace(/\r$/, '');
    if (text !== '') this.#limits.onLine(stream, text);
  }
}

function notStarted(thrown: unknown): CommandEnd {
  const { code, message } = thrown as NodeJS.ErrnoException;
  return { kind: 'not-started', reason: code ?? message };
}

async function pathEntry(path: string): Promise<PathEntry> {
  const stats = await lstat(path);
  return { path, kind: kindOf(stats), mode: stats.mode & 0o7777, owner: stats.uid };
}

function kindOf(stats: Stats): PathEntry['kind'] {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'folder';
  return stats.isSymbolicLink() ? 'symbolic link' : 'other';
}

function isName(part: string): boolean {
  return part !== '' && part !== '.';
}
