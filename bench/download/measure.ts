// Measures commands: wall time and CPU time of a process with its children, from bash, and the peak of resident memory of
// each process, from proc(5).

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';

/** What one run of a contender took. */
export interface Measured {
  readonly wallMs: number;
  /** User and system time. */
  readonly cpuMs: number;
  /** The largest VmHWM of a process, in MiB; of the measured command, not of the shell that starts it. */
  readonly peakMib: number;
}

/** Processes end between two looks; the memory of a download hardly grows in its last moments. */
const LOOK_EVERY_MS = 20;
/** bash prints three decimals. */
const TIME_FORMAT = '%3R %3U %3S';

/** Runs a script with bash. Fails if its exit status is not 0. */
export async function measureScript(script: string, env: Readonly<Record<string, string>> = {}): Promise<Measured> {
  const timed = `set -o pipefail; TIMEFORMAT='${TIME_FORMAT}'; time { set -e; ${script}; }`;
  const child = spawn('bash', ['-c', timed], {
    env: { PATH: process.env['PATH'] ?? '', HOME: '/dev/null', LC_ALL: 'C', ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let peakKib = 0;
  const look = setInterval(() => {
    for (const pid of descendants(child.pid ?? 0)) peakKib = Math.max(peakKib, peakKibOf(pid));
  }, LOOK_EVERY_MS);
  const ended = once(child, 'exit');
  const said = (await text(child.stderr)).trim();
  const [code] = await ended;
  clearInterval(look);
  if (code !== 0) throw new Error(`exit status ${code}: ${said}\n${script.slice(0, 400)}`);
  const [wall, user, system] = (said.split('\n').at(-1) ?? '').split(' ').map(Number);
  if (wall === undefined || user === undefined || system === undefined) throw new Error(said);
  return { wallMs: wall * 1_000, cpuMs: (user + system) * 1_000, peakMib: peakKib / 1_024 };
}

/** The largest resident memory of a process so far, in KiB; 0 if it has ended. */
export function peakKibOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
}

/** CPU time of all threads of a running process: the first field of schedstat, in nanoseconds. */
export function cpuMsOf({ pid = 0 }: ChildProcess): number {
  const spent = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0] ?? 0),
  );
  return spent.reduce((sum, ns) => sum + ns, 0) / 1e6;
}

function descendants(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(' ').filter(Boolean).map(Number);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

/** Empty if the process has ended. */
function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
