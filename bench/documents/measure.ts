// Runs workers, and prints measured values with their limits.

import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Done, Job } from './worker.ts';

export const COUNT = 100_000;
/** The defaults of `exposure_analytics`. */
const LIMITS = { documents: 10_000, bytes: 4_194_304 };
export const MAX_PEAK_MIB = 130;
const DOCUMENT_BYTES = 300;
const WORKER = new URL('worker.ts', import.meta.url);
const BUNDLE = fileURLToPath(new URL('../../tools/bundle.ts', import.meta.url));
/** As systemd starts the daemon. */
export const FLAGS = ['--max-semi-space-size=1', '--disable-sigusr1'];

/** Does one piece of work in a new process. */
export type Run = (job: Omit<Job, 'limits'>) => Promise<Done>;

/** Builds a program as that of a host is built, because Node needs much memory to run TypeScript. Returns its main file. */
export function buildProgram(entry: URL, dir: string): string {
  const folder = join(dir, `${basename(fileURLToPath(entry), '.ts')}-program`);
  execFileSync(process.execPath, [BUNDLE, fileURLToPath(entry), folder], { stdio: 'ignore' });
  return join(folder, 'main.js');
}

/** Builds the worker of documents. */
export function buildWorker(dir: string): Run {
  const program = buildProgram(WORKER, dir);
  return async (job) => {
    const child = fork(program, { execArgv: FLAGS });
    const ended = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the worker ended with ${code}`)));
    ended.catch(() => undefined);
    child.send({ ...job, limits: LIMITS } satisfies Job);
    const [done] = (await Promise.race([once(child, 'message'), ended])) as [Done];
    await ended.catch(() => undefined);
    return done;
  };
}

/** A file of documents that differ, one on each line. `ending` is the end of the text in each, with escapes if wanted. */
export function writeDocuments(path: string, ending = ''): void {
  const file = openSync(path, 'w');
  for (let n = 0; n < COUNT; n += 1000)
    writeSync(file, Array.from({ length: 1_000 }, (_, at) => lineOf(n + at, ending)).join(''));
  closeSync(file);
}

function lineOf(n: number, ending: string): string {
  const host = `host-${(n * 7_919) % 5_000}.example.com`;
  const head = JSON.stringify({
    n,
    host,
    event: 'exposure',
    level: n % 5,
    score: (n * 31) % 997,
    ok: n % 3 === 0,
    text: '',
  });
  const words = `finding ${(n * 2_654_435_761) % 4_294_967_296} on port ${n % 65_536} `.repeat(8);
  return `${head.slice(0, -2)}${words.slice(0, DOCUMENT_BYTES - head.length - ending.length)}${ending}"}\n`;
}

export async function timed(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

let isWithinLimits = true;

/** Prints a value. With a limit that it exceeds, the exit status of the bench is 1. */
export function print(
  what: string,
  value: number,
  unit: string,
  limit?: { readonly is: 'at most' | 'at least'; readonly than: number },
): void {
  const isKept = limit === undefined || (limit.is === 'at most' ? value <= limit.than : value >= limit.than);
  const rounded = unit === 'times' ? value.toFixed(2) : Math.round(value).toLocaleString('en');
  const words =
    limit === undefined ? '' : `   ${limit.is} ${limit.than.toLocaleString('en')}${isKept ? '' : '   EXCEEDED'}`;
  console.log(`${what.padEnd(52)} ${rounded.padStart(9)} ${unit.padEnd(7)}${words}`);
  isWithinLimits &&= isKept;
  process.exitCode = isWithinLimits ? 0 : 1;
}
