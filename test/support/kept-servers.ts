// Servers that a worker starts once and keeps for its other suites. Vitest ends a worker by a signal, so no code of the
// worker can end them. The kernel ends these servers with the worker, and the end of the test run removes their files
// (own-temporary.ts).

import { existsSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readIfThere } from './part.ts';

const PREFIX = 'sallyport-kept-';
const PIDS = 'pid';
const END_MS = 5_000;
const POLL_MS = 20;

/** A folder for such a server, and the folder in it where the server writes a file with the ID of each of its processes. */
export function keptFolder(name: string): { readonly folder: string; readonly pids: string } {
  const folder = mkdtempSync(join(tmpdir(), `${PREFIX}${name}-`));
  const pids = join(folder, PIDS);
  mkdirSync(pids);
  return { folder, pids };
}

/** The command, ended by the kernel when the worker that starts it ends. */
export function untilWorkerEnds(command: readonly string[]): [string, ...string[]] {
  return ['setpriv', '--pdeathsig=TERM', '--', ...command];
}

/** Ends the servers whose folders are in this one, and waits until they are gone. */
export async function endKeptServers(folder: string): Promise<void> {
  const kept = readdirSync(folder).filter((name) => name.startsWith(PREFIX));
  await Promise.all(kept.flatMap((name) => pidsIn(join(folder, name, PIDS))).map(endProcess));
}

function pidsIn(folder: string): number[] {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.pid')) : [];
  return names.map((name) => Number.parseInt(readIfThere(join(folder, name)), 10)).filter((pid) => pid > 1);
}

async function endProcess(pid: number): Promise<void> {
  const deadline = performance.now() + END_MS;
  let signal: NodeJS.Signals | 0 = 'SIGTERM';
  while (sent(signal, pid)) {
    signal = performance.now() > deadline ? 'SIGKILL' : 0;
    await delay(POLL_MS);
  }
}

/** False once there is no such process. */
function sent(signal: NodeJS.Signals | 0, pid: number): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}
