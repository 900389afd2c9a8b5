/**
 * A server program of the machine in a test. It is started on free loopback ports, identified by its pid, and ended
 * with the test and with the worker that started it. If another process takes a port first, it is started again on
 * other ports.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** What to start; made for ports that were free a moment ago. */
export interface PartPlan {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
  /** Everything of the part; it goes with it. */
  readonly folder: string;
  /** The file in which it reports why it does not start, in addition to its output. */
  readonly log?: string;
  /** Done once it has ended. */
  readonly ended?: () => void;
  /** Asked to end by itself, for a part that has children of its own. Others keep nothing that a test needs. */
  readonly gently?: boolean;
}

export interface Part {
  /** As many as were asked for; it answers at each. */
  readonly ports: readonly number[];
  readonly folder: string;
  /** All that it wrote to its outputs so far. */
  said(): string;
  /** Ends it. Its folder is still there until `remove`. */
  end(): Promise<void>;
  remove(): void;
}

const START_LIMIT_MS = 15_000;
const LOG_LIMIT_MS = 5_000;
const POLL_MS = 20;
const PORT_TRIES = 3;

/** The environment in which programs of servers are found, also by an ordinary user. */
export const MACHINE: NodeJS.ProcessEnv = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` };

export async function startPart(name: string, ports: number, plan: (ports: readonly number[]) => PartPlan) {
  for (let attempt = 1; ; attempt += 1) {
    const started = await tryToStart(await freePorts(ports), plan);
    if (typeof started !== 'string') return started;
    if (attempt === PORT_TRIES || !/in use/i.test(started)) throw new Error(`${name} did not start:\n${started}`);
  }
}

/** The running part, or what it said when it ended by itself. */
async function tryToStart(
  ports: readonly number[],
  planFor: (ports: readonly number[]) => PartPlan,
): Promise<Part | string> {
  const plan = planFor(ports);
  const child = spawn(plan.command, plan.args, {
    cwd: plan.folder,
    env: { ...MACHINE, ...plan.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // A worker that dies must not leave it behind.
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  let said = '';
  for (const output of [child.stdout, child.stderr]) {
    output?.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', (error) => {
      said += String(error);
      resolve();
    });
  }).then(() => {
    process.off('exit', kill);
    plan.ended?.();
  });
  const part: Part = {
    ports,
    folder: plan.folder,
    said: () => said,
    end: () => end(child, ended, plan.gently === true ? 'SIGTERM' : 'SIGKILL'),
    remove: () => rmSync(plan.folder, { recursive: true, force: true }),
  };
  if (await answers(ports, ended)) return part;
  await part.end();
  const log = plan.log === undefined ? '' : readIfThere(plan.log);
  part.remove();
  return `${said}\n${log}`;
}

/** Paths at which a server gets files of the test in place of those of the host. */
export type FileReplacements = Readonly<Record<string, string>>;

/** The command with these files in place, in a mount namespace of its own, which only root can create. */
export function withReplacedFiles(
  seen: FileReplacements,
  command: readonly [string, ...string[]],
): { command: string; args: string[] } {
  const mounts = Object.entries(seen).map(([path, ours]) => `mount --bind '${ours}' '${path}' && `);
  if (mounts.length === 0) return { command: command[0], args: command.slice(1) };
  return { command: 'unshare', args: ['--mount', 'sh', '-c', `${mounts.join('')}exec "$@"`, 'sh', ...command] };
}

/** What /etc/hosts has for these names, each at 127.0.0.1. */
export function hostsFile(names: readonly string[]): string {
  return ['localhost', ...names].map((name) => `127.0.0.1 ${name}\n`).join('');
}

/** Reads lines until there are enough of them; `isOver` means that no more can come. */
export async function untilLines(
  read: () => readonly string[],
  atLeast: number,
  isOver = () => false,
): Promise<string[]> {
  const deadline = performance.now() + LOG_LIMIT_MS;
  for (;;) {
    const lines = read();
    if (lines.length >= atLeast) return [...lines];
    if (isOver() || performance.now() > deadline) {
      throw new Error(`the log has ${lines.length} lines, not ${atLeast}:\n${lines.join('\n')}`);
    }
    await pause(POLL_MS);
  }
}

export function partFolder(name: string): string {
  return mkdtempSync(join(tmpdir(), `sallyport-${name}-`));
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Gives a file or folder to the unprivileged user of a server. Does nothing unless run by root. */
export function giveTo(user: string, path: string): void {
  if (!isRoot()) return;
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith(`${user}:`));
  const [, , uid, gid] = line?.split(':') ?? [];
  chownSync(path, Number(uid), Number(gid));
}

export function readIfThere(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

/** Unused ports, all different. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports = servers.map(async (server) => {
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  const found = await Promise.all(ports);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return found;
}

/** Whether each port takes a connection; each is let go again, so it takes one that says nothing. */
async function answers(ports: readonly number[], ended: Promise<void>): Promise<boolean> {
  let isOver = false;
  void ended.then(() => {
    isOver = true;
  });
  const deadline = performance.now() + START_LIMIT_MS;
  for (const port of ports) {
    while (!(await canConnect(port))) {
      if (isOver || performance.now() > deadline) return false;
      await pause(POLL_MS);
    }
  }
  return !isOver;
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

async function end(child: ChildProcess, ended: Promise<void>, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  child.kill(signal);
  await ended;
}
