// Sallyport as a contender: as a daemon that has downloaded before, as a process for one round (`sallyport check` without a
// daemon), and `sallyport fetch`. The program is bundled as that of a host.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { writeConfig } from '#test/support/sallyport-process.ts';
import type { Contender, Load } from './contenders.ts';
import type { ServedFile } from './load.ts';
import { cpuMsOf, type Measured, measureScript, peakKibOf } from './measure.ts';

/** As systemd/sallyport.sh starts it. */
const FLAGS = ['--disable-sigusr1', '--report-exclude-env', '--max-semi-space-size=1'];
const ENVIRONMENT = { MALLOC_ARENA_MAX: '1' };
const WITHOUT_SYNC = fileURLToPath(new URL('without-sync.mjs', import.meta.url));
const LOOK_EVERY_MS = 2;
const LIMIT_MS = 300_000;
/** A feed allows this many in one round. */
const PER_ROUND = 50;

let feeds = 0;

/** Where the program is, and what it is measured with. */
export interface Program {
  readonly main: string;
  /** A folder for CPU profiles, or null. */
  readonly profiles: string | null;
  /** More sections of its configuration. */
  readonly updates: Readonly<Record<string, unknown>>;
  /** Files that the daemon downloads before it is measured. */
  readonly warmUp: readonly ServedFile[];
}

/** Writes a feed of these files that lies next to them; returns its name. */
function writeFeed({ servers }: Load, files: readonly ServedFile[], name: string): string {
  feeds += 1;
  const items = files.map((file, at) => ({
    id: file.name.replace('.jar', ''),
    package: `package-${file.name}`,
    sequence: at + 1,
    file: file.name,
    length: file.bytes,
    sha256: file.sha256,
    released: '2026-11-01T00:00:00Z',
    kind: 'content',
  }));
  writeFileSync(
    join(servers.served, name),
    JSON.stringify({ format: 1, serial: feeds, expires: '2099-01-01T00:00:00Z', items }),
  );
  return name;
}

async function configure({ servers, scheme, dir }: Load, feed: string, { updates }: Program): Promise<string> {
  await mkdir(dir, { recursive: true });
  return await writeConfig(dir, {
    proxies: [{ name: 'squid', address: servers.proxy.address, port: servers.proxy.port, default: true }],
    updates: {
      feed_url: `${servers.urls[scheme]}${feed}`,
      max_package_bytes: 100_000_000_000,
      ...(scheme === 'https' ? { ca_file: servers.caFile } : {}),
      ...updates,
    },
  });
}

function flags({ durable }: Load, { profiles }: Program): string[] {
  const profile = profiles === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`];
  return [...FLAGS, ...(durable ? [] : ['--import', WITHOUT_SYNC]), ...profile];
}

/** One round in a process of its own; several, if the feed has more files than a round downloads. */
export function roundProcess(program: Program): Contender {
  return {
    name: 'Sallyport, check',
    suits: () => true,
    run: async (load) => {
      const config = await configure(load, writeFeed(load, load.files, 'feed.json'), program);
      const command = [process.execPath, ...flags(load, program), program.main, 'check', '--json', '-c', config];
      const rounds = Math.ceil(load.files.length / PER_ROUND);
      const script = Array.from({ length: rounds }, () => command.join(' ')).join('; ');
      return { measured: await measureScript(script, ENVIRONMENT), folder: join(load.dir, 'packages') };
    },
  };
}

/** `sallyport fetch`, which downloads one file. */
export function fetchProcess(program: Program): Contender {
  const { stdout } = spawnSync(process.execPath, [...FLAGS, program.main, '--help'], { encoding: 'utf8' });
  const exists = /^ +fetch\b/m.test(stdout);
  return {
    name: 'Sallyport, fetch',
    suits: ({ files }) => exists && files.length === 1,
    run: async (load) => {
      const config = await configure(load, 'feed.json', program);
      const [file] = load.files as [ServedFile];
      const url = `${load.servers.urls[load.scheme]}${file.name}`;
      const out = join(load.dir, file.name);
      const command = [process.execPath, ...flags(load, program), program.main, 'fetch', url];
      const options = ['--sha256', file.sha256, '-o', out, '--quiet', '-c', config];
      return { measured: await measureScript([...command, ...options].join(' '), ENVIRONMENT), folder: load.dir };
    },
  };
}

/** A daemon that has downloaded the files for warming up, measured from the start of a check to the end of its last round. */
export function warmDaemon(program: Program): Contender {
  return {
    name: 'Sallyport, daemon',
    suits: () => true,
    run: async (load) => {
      const config = await configure(load, writeFeed(load, program.warmUp, 'feed.json'), program);
      const daemon = await startDaemon(config, load, program);
      try {
        await daemon.round();
        writeFeed(load, load.files, 'feed.json');
        const measured = await daemon.measure(Math.ceil(load.files.length / PER_ROUND));
        return { measured, folder: join(load.dir, 'packages') };
      } finally {
        await daemon.end();
      }
    },
  };
}

async function startDaemon(config: string, load: Load, program: Program) {
  const output = openSync(join(load.dir, 'output'), 'a');
  const child = spawn(process.execPath, [...flags(load, program), program.main, 'run', '-c', config], {
    env: { PATH: process.env['PATH'] ?? '', ...ENVIRONMENT },
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  const rounds = countedIn(join(load.dir, 'logs', 'sallyport.log'), 'Round ended: ');
  const end = async () => {
    process.off('exit', kill);
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  };
  try {
    // A new daemon checks at once.
    await until(child, () => rounds() > 0);
  } catch (thrown) {
    await end();
    throw thrown;
  }
  const round = async () => {
    const before = rounds();
    await beginCheck(load.dir);
    await until(child, () => rounds() > before);
  };
  const measure = async (times: number): Promise<Measured> => {
    const cpu = cpuMsOf(child);
    const start = performance.now();
    for (let time = 0; time < times; time += 1) await round();
    const wallMs = performance.now() - start;
    return { wallMs, cpuMs: cpuMsOf(child) - cpu, peakMib: peakKibOf(child.pid ?? 0) / 1_024 };
  };
  return { round, measure, end };
}

/** Requests a check and does not follow it, as no client follows a check of the schedule. */
async function beginCheck(dir: string): Promise<void> {
  const outgoing = request({ socketPath: join(dir, 'control.sock'), method: 'POST', path: '/v1/check' }).end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`the daemon answered ${response.statusCode}`);
  response.destroy();
}

/** Counts these words in a growing file; each call reads only what is new. */
function countedIn(path: string, words: string): () => number {
  let file: number | null = null;
  let counted = 0;
  let rest = '';
  const buffer = Buffer.alloc(1_048_576);
  return () => {
    if (file === null && existsSync(path)) file = openSync(path, 'r');
    for (let got = file === null ? 0 : readSync(file, buffer); got > 0; got = readSync(file ?? -1, buffer)) {
      const parts = (rest + buffer.toString('latin1', 0, got)).split(words);
      counted += parts.length - 1;
      rest = (parts.at(-1) ?? '').slice(-words.length + 1);
    }
    return counted;
  };
}

async function until(child: ChildProcess, isTrue: () => boolean): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  while (!isTrue()) {
    if (child.exitCode !== null) throw new Error('the daemon ended');
    if (performance.now() > limit) throw new Error('the daemon did not end its round');
    await delay(LOOK_EVERY_MS);
  }
}
