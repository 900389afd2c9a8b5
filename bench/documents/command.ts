// `sallyport submit` as users run it: the installed command, which hands a file to a running daemon.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { buildProgram, FLAGS, timed } from './measure.ts';

const SCRIPT = fileURLToPath(new URL('../../systemd/sallyport.sh', import.meta.url));
const MAIN = new URL('../../src/main.ts', import.meta.url);
const LEAST = new URL('least.ts', import.meta.url);
/** Prints what its command used, from times(2): `0m0.120000s 0m0.040000s` on the second line. */
const WITH_TIMES = '"$@" >/dev/null && times';

/** What a process took, with its start and its end. */
export interface Took {
  readonly ms: number;
  /** CPU time, in ms, in steps of 10 ms. Other work on the machine changes it less. */
  readonly cpuMs: number;
}

/** The daemon with its commands. */
export interface Submitting {
  /** Runs `sallyport submit FILE` from the installed script. The CPU time includes that of the daemon meanwhile. */
  submit(file: string): Promise<Took>;
  /** Does in a process of its own what any program must do at least (`least.ts`). */
  least(file: string, copy: string): Promise<Took>;
  /** The largest resident memory of the daemon so far (VmHWM), in MiB. */
  peakMib(): number;
  stop(): Promise<void>;
}

/** Installs the program into a folder, and starts its daemon. */
export async function startSubmitting(dir: string, url: string): Promise<Submitting> {
  const main = buildProgram(MAIN, dir);
  const command = install(dir, main);
  const leastMain = buildProgram(LEAST, dir);
  const config = join(dir, 'sallyport.yaml');
  const sections = {
    updates: { packages_dir: join(dir, 'packages') },
    exposure_analytics: { enabled: true, url, spool_max_bytes: 1_000_000_000 },
  };
  writeFileSync(config, JSON.stringify({ version: 2, ...sections }), { mode: 0o600 });
  mkdirSync(join(dir, 'run'));
  // As systemd does, so that the file names neither the state folder nor a socket.
  const folders = { STATE_DIRECTORY: 'state', RUNTIME_DIRECTORY: 'run', LOGS_DIRECTORY: 'logs' };
  const env = {
    ...process.env,
    ...Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, join(dir, folder)])),
  };
  const daemon = spawn(process.execPath, [...FLAGS, main, 'run', '-c', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  });
  for await (const output of daemon.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    if (String(output).includes('Listening for documents')) break;
  }
  daemon.stdout.resume();
  return {
    submit: async (file) => {
      const before = cpuOf(daemon.pid);
      const { ms, cpuMs } = await run([command, 'submit', file, '-c', config], env);
      return { ms, cpuMs: cpuMs + cpuOf(daemon.pid) - before };
    },
    least: async (file, copy) => await run([process.execPath, leastMain, file, copy], env),
    peakMib: () =>
      Math.round(Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${daemon.pid}/status`, 'utf8'))?.[1]) / 1_024),
    stop: async () => {
      const ended = once(daemon, 'exit');
      daemon.kill('SIGTERM');
      await ended;
    },
  };
}

/** The installed script with the places of this folder. Returns its path. */
function install(dir: string, main: string): string {
  const script = readFileSync(SCRIPT, 'utf8')
    .replace('/usr/lib/sallyport/program/main.js', main)
    .replace('/usr/lib/sallyport/node', process.execPath);
  const path = join(dir, 'sallyport');
  writeFileSync(path, script, { mode: 0o755 });
  return path;
}

async function run(command: readonly string[], env: NodeJS.ProcessEnv): Promise<Took> {
  let output = '';
  const ms = await timed(async () => {
    const child = spawn('/bin/sh', ['-c', WITH_TIMES, 'sh', ...command], { stdio: ['ignore', 'pipe', 'inherit'], env });
    const [[status]] = await Promise.all([
      once(child, 'exit'),
      text(child.stdout).then((all) => {
        output = all;
      }),
    ]);
    if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}`);
  });
  const [, children = ''] = output.split('\n');
  const cpuMs = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + 60e3 * Number(m) + 1e3 * Number(s),
    0,
  );
  return { ms, cpuMs };
}

/** CPU time of a running process, in ms: fields 14 and 15 of proc_pid_stat(5), in ticks of 10 ms. */
function cpuOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}
