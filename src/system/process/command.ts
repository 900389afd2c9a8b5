// Runs a program of the admin. No other file starts processes.
//
// Guarantees: the program has no shell, exactly the given environment, only the given stdin, and none of our open
// files. It has its own process group. When the program ends, takes too long or is aborted, the whole group is ended
// (TERM, a pause, KILL). systemd ends processes that left the group (setsid) together with the service. The promise
// never rejects. If Sallyport is killed, the program keeps running. Needs Linux for groups and modes.

import { type ChildProcess, spawn } from 'node:child_process';
import type { Stats } from 'node:fs';
import { lstat, readlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { onAbort } from '#system/abort.ts';
import { type Clock, type Timer, wait } from '#system/clock.ts';

/** How often to check whether a group that was sent a signal has ended. */
const LOOK_EVERY_MS = 50;
/**
 * How long to read what is left in the pipes after the group has ended. That is available at once, but a process
 * outside the group may hold a pipe open forever.
 */
const DRAIN_MS = 1_000;
/** Linux follows this many symbolic links before it fails with ELOOP. */
const MAX_LINKS = 40;
/** In characters. Longer lines are split, so that a program that writes no line breaks does not fill the memory. */
const MAX_LINE_LENGTH = 4_096;

/** Of a program whose stdout is read as bytes. */
const STDERR_BYTES = 65_536;

/** A program, its arguments and its environment. */
export interface Command {
  readonly path: string;
  readonly arguments: readonly string[];
  /** The complete environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** What it reads on stdin; nothing by default. */
  readonly input?: Uint8Array;
}

/** How long the program may run, and where its output goes. */
export interface CommandLimits {
  readonly limitMs: number;
  /** Time between TERM and KILL. */
  readonly graceMs: number;
  /** The same, when `signal` ends the program. */
  readonly stopGraceMs: number;
  /** At most this many bytes of output are passed on; the rest is read and dropped. */
  readonly outputBytes: number;
  onLine(stream: 'stdout' | 'stderr', line: string): void;
  /** Called once, when the first byte is dropped. */
  onCut(): void;
  /** Ends the program when it is aborted. */
  readonly signal: AbortSignal;
}

/** How it ended. */
export type CommandEnd =
  | { readonly kind: 'exited'; readonly status: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'too-long' }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'not-started'; readonly reason: string };

/** Limits of a program whose output is read as bytes. */
export type StreamLimits = Pick<CommandLimits, 'limitMs' | 'graceMs' | 'stopGraceMs' | 'signal'> & {
  /** At most 64 KiB of its stderr are passed on. */
  onError(line: string): void;
};

/** A running program whose output is read. */
export interface RunningCommand {
  /**
   * Its stdout. The program waits while no chunk is requested; that time is part of its limit. Leaving the loop closes
   * the pipe. It can end too early: only `end` says whether it is complete.
   */
  readonly output: AsyncIterable<Uint8Array>;
  /** Resolves after the program has ended and its output has been read. */
  readonly end: Promise<CommandEnd>;
}

/** Runs programs whose output is read as bytes. */
export interface StreamedCommands {
  start(command: Command, limits: StreamLimits): RunningCommand;
}

/** A component of the path to a program, as it is now. */
export interface PathEntry {
  readonly path: string;
  readonly kind: 'file' | 'folder' | 'symbolic link' | 'other';
  /** Permission bits. */
  readonly mode: number;
  readonly owner: number;
}

/** Runs commands for the hook; tests pass their own. */
export interface Commands {
  /** The uid that commands run as. */
  readonly self: number;
  run(command: Command, limits: CommandLimits): Promise<CommandEnd>;
  /**
   * Every path component that decides which program a path refers to: each folder from / on, each link and its
   * target.
   */
  resolvePath(path: string): Promise<readonly PathEntry[]>;
}

/** Runs commands as processes of this host. */
export class SystemCommands implements Commands, StreamedCommands {
  readonly #clock: Clock;
  readonly self: number = process.geteuid?.() ?? 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async run(command: Command, limits: CommandLimits): Promise<CommandEnd> {
    if (limits.signal.aborted) return { kind: 'stopped' };
    const child = begin(command);
    return 'kind' in child ? child : await new Run(this.#clock, child, { limits }).end();
  }

  start(command: Command, { onError, ...limits }: StreamLimits): RunningCommand {
    const nothing = (end: CommandEnd): RunningCommand => ({ output: noOutput(), end: Promise.resolve(end) });
    if (limits.signal.aborted) return nothing({ kind: 'stopped' });
    const child = begin(command);
    if ('kind' in child) return nothing(child);
    const lines = { outputBytes: STDERR_BYTES, onLine: (_stream: string, line: string) => onError(line) };
    const run = new Run(this.#clock, child, {
      limits: { ...limits, ...lines, onCut: () => undefined },
      isStreamed: true,
    });
    return { output: outputOf(child), end: run.end() };
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

function begin(command: Command): ChildProcess | CommandEnd {
  const { input } = command;
  try {
    const child = spawn(command.path, command.arguments, {
      cwd: '/',
      // Node adds this variable by itself if it is set here, unless it is named.
      env: { ...command.environment, NODE_V8_COVERAGE: undefined },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      detached: true,
      shell: false,
    });
    // A program may stop reading early. Its exit status says whether it succeeded.
    child.stdin?.on('error', () => undefined).end(input);
    return child;
  } catch (thrown) {
    return notStarted(thrown);
  }
}

async function* noOutput(): AsyncGenerator<Uint8Array> {}

async function* outputOf({ stdout }: ChildProcess): AsyncGenerator<Uint8Array> {
  if (stdout === null) return;
  try {
    for await (const chunk of stdout) yield chunk as Buffer;
  } catch (thrown) {
    // The run was ended, or the program never started: `end` says so.
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw thrown;
  }
}

/** One process group from its start to its end. */
class Run {
  readonly #clock: Clock;
  readonly #child: ChildProcess;
  readonly #limits: CommandLimits;
  /** Someone else reads stdout, at their own pace. */
  readonly #isStreamed: boolean;
  readonly #over = new AbortController();
  /** Resolves when the run is ended from outside. */
  readonly #finished = Promise.withResolvers<void>();
  #remainingBytes: number;
  #cut = false;
  #ended: 'too-long' | 'stopped' | null = null;

  constructor(
    clock: Clock,
    child: ChildProcess,
    { limits, isStreamed = false }: { readonly limits: CommandLimits; readonly isStreamed?: boolean },
  ) {
    this.#clock = clock;
    this.#child = child;
    this.#limits = limits;
    this.#isStreamed = isStreamed;
    this.#remainingBytes = limits.outputBytes;
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
      // Processes that it left in its group end with it.
      await this.#endGroup();
      if (this.#isStreamed) await Promise.race([closed, this.#finished.promise]);
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
    this.#finished.resolve();
    void this.#endGroup();
  }

  /** Sends TERM, then KILL if a process is still there after the grace period. */
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

  /** Sends a signal to the group. True while the group has a process. */
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

  /** Passes lines on; resolves when both streams have ended. */
  #listen(): Promise<void> {
    for (const name of this.#isStreamed ? (['stderr'] as const) : (['stdout', 'stderr'] as const)) {
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
        const kept = chunk.subarray(0, this.#remainingBytes);
        if (kept.length < chunk.length && !this.#cut) this.#limits.onCut();
        this.#cut ||= kept.length < chunk.length;
        this.#remainingBytes -= kept.length;
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
