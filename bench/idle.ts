// Measures an idle daemon: anonymous memory after the start and after the first round, CPU time in the next 30 s, the time until READY=1, and the
// time of `sallyport status`. The last two are compared with the start of a bare Node that prints one byte; they alternate, so
// that all run under the same load. About 80 s. Exit status 1 if a limit is exceeded. Needs Linux.
//
// Run: node bench/idle.ts

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { feedOf, itemFor, makeJar } from '#test/support/jars.ts';
import { NotifySocket } from '#test/support/notify-socket.ts';
import { startScriptedOrigin } from '#test/support/scripted-origin.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
// As the launchers start it: systemd/sallyport.sh, tools/sallyport.js.
const FLAGS = ['--disable-sigusr1', '--report-exclude-env'];
const FLAGS_INSTALLED = ['--max-semi-space-size=1', ...FLAGS];
const ROUNDS = 15;
const SETTLE_MS = 8_000;
const WATCH_MS = 30_000;
const PROMISED = { startMiB: 34, anonymousMiB: 45, cpu: 0.4, bundle: 9, source: 20, status: 2.5 };

interface World {
  readonly config: string;
  readonly bundle: string;
  readonly dir: string;
}

const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
const origin = await startScriptedOrigin();
try {
  const world = await makeWorld();
  const [bare, bundle, source] = await starts(world);
  console.log(`bare Node: ${bare.toFixed(0)} ms to its first byte`);
  const kept = [
    printBudget('READY from the bundle, in bare Nodes', bundle / bare, PROMISED.bundle),
    printBudget('READY from source, in bare Nodes', source / bare, PROMISED.source),
    ...(await started(world)),
    ...(await idle(world, bare)),
  ];
  process.exitCode = kept.every(Boolean) ? 0 : 1;
} finally {
  await origin.close();
  await rm(dir, { recursive: true, force: true });
}

async function makeWorld(): Promise<World> {
  const jar = makeJar('u1', 5_000_000);
  origin.serve('/feed.json', feedOf([itemFor('u1', jar)]), 'application/json');
  origin.serve('/u1.jar', jar);
  const bundle = join(dir, 'program');
  const built = spawnSync(process.execPath, [join(ROOT, 'tools/bundle.ts'), join(ROOT, 'src/main.ts'), bundle]);
  if (built.status !== 0) throw new Error(`the bundle failed: ${built.stderr.toString()}`);
  await mkdir(join(dir, 'config'));
  const config = join(dir, 'config', 'sallyport.yaml');
  const lines = [
    'version: 2',
    'updates:',
    `  feed_url: ${origin.url}/feed.json`,
    `  acknowledge_url: ${origin.url}/acknowledge`,
    `  packages_dir: ${dir}/packages`,
    'logging:',
    `  dir: ${dir}/logs`,
    'daemon:',
    `  state_dir: ${dir}/state`,
    `  control_socket: ${dir}/control.sock`,
  ];
  await writeFile(config, lines.join('\n'), { mode: 0o600 });
  return { config, bundle: join(bundle, 'main.js'), dir };
}

/** Medians in milliseconds: bare Node, the bundle, the source. */
async function starts(world: World): Promise<[number, number, number]> {
  const times: [number[], number[], number[]] = [[], [], []];
  for (let round = -1; round < ROUNDS; round += 1) {
    const measured = [
      await bareStart(),
      await start(world, world.bundle),
      await start(world, join(ROOT, 'src/main.ts')),
    ];
    // The first round warms the page cache.
    if (round >= 0) measured.forEach((ms, index) => void times[index]?.push(ms));
  }
  return times.map(median) as [number, number, number];
}

async function bareStart(): Promise<number> {
  const begun = performance.now();
  const child = spawn(process.execPath, ['-e', 'process.stdout.write("x")'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => child.stdout.once('data', resolve));
  const ms = performance.now() - begun;
  await ended(child);
  return ms;
}

async function start(world: World, main: string): Promise<number> {
  const { child, socket, begun } = launch(world, main);
  await socket.until((message) => message === 'READY=1');
  const ms = performance.now() - begun;
  child.kill('SIGTERM');
  await ended(child);
  socket.close();
  await rm(socket.name, { force: true });
  return ms;
}

function launch({ config, dir: folder }: World, main: string) {
  const socket = new NotifySocket(join(folder, 'notify'));
  const service = { PATH: process.env['PATH'] ?? '', NOTIFY_SOCKET: socket.name, WATCHDOG_USEC: '60000000' };
  const fromSource = main.endsWith('.ts');
  const env = fromSource
    ? { ...service, NODE_COMPILE_CACHE: join(folder, 'cache') }
    : { ...service, MALLOC_ARENA_MAX: '1' };
  const begun = performance.now();
  const args = [...(fromSource ? FLAGS : FLAGS_INSTALLED), main, '--config', config, 'run'];
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  return { child, socket, begun };
}

/** The time of `sallyport status` while a daemon runs, in starts of a bare Node: the median of both. Then its memory. */
async function started(world: World): Promise<boolean[]> {
  const { child, socket } = launch(world, world.bundle);
  await socket.until((message) => message === 'READY=1');
  const times: [number[], number[]] = [[], []];
  for (let round = -1; round < ROUNDS; round += 1) {
    const [bare, status] = [await bareStart(), await statusCommand(world)];
    if (round < 0) continue;
    times[0].push(bare);
    times[1].push(status);
  }
  const anonymous = await anonymousMiB(child);
  child.kill('SIGTERM');
  await ended(child);
  socket.close();
  await rm(socket.name, { force: true });
  return [
    printBudget('status, in bare Nodes', median(times[1]) / median(times[0]), PROMISED.status),
    printBudget('anonymous memory after the start, MiB', anonymous, PROMISED.startMiB),
  ];
}

async function anonymousMiB(child: ChildProcess): Promise<number> {
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(await proc(child, 'status'))?.[1]) / 1_024;
}

/** As the launcher starts it. */
async function statusCommand({ bundle, config }: World): Promise<number> {
  const begun = performance.now();
  const child = spawn(process.execPath, [...FLAGS_INSTALLED, bundle, '--config', config, 'status'], {
    stdio: 'ignore',
  });
  await ended(child);
  const ms = performance.now() - begun;
  if (child.exitCode === null) throw new Error('status was killed');
  return ms;
}

async function idle(world: World, bareMs: number): Promise<boolean[]> {
  // A start checks at once only if no check has ever run.
  for (const folder of ['state', 'packages']) await rm(join(world.dir, folder), { recursive: true, force: true });
  const { child, socket } = launch(world, world.bundle);
  await socket.until((message) => message.includes('Next check'));
  await delay(SETTLE_MS);
  const anonymous = await anonymousMiB(child);
  const before = await cpuMs(child);
  await delay(WATCH_MS);
  const used = (await cpuMs(child)) - before;
  child.kill('SIGTERM');
  await ended(child);
  socket.close();
  return [
    printBudget('anonymous memory after the first round, MiB', anonymous, PROMISED.anonymousMiB),
    printBudget(`CPU in ${WATCH_MS / 1_000} s, ${used.toFixed(0)} ms, in bare Nodes`, used / bareMs, PROMISED.cpu),
  ];
}

/** CPU time of all threads: the first field of schedstat, in nanoseconds. */
async function cpuMs(child: ChildProcess): Promise<number> {
  const threads = await readdir(`/proc/${child.pid}/task`);
  const stats = await Promise.all(threads.map((thread) => proc(child, `task/${thread}/schedstat`)));
  return stats.reduce((sum, text) => sum + Number(text.split(' ')[0]), 0) / 1e6;
}

function proc(child: ChildProcess, file: string): Promise<string> {
  return readFile(`/proc/${child.pid}/${file}`, 'utf8');
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve();
    else child.once('exit', () => resolve());
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

function printBudget(what: string, value: number, promised: number): boolean {
  const isKept = value <= promised;
  console.log(`${what}: ${value.toFixed(1)} (promised: at most ${promised})${isKept ? '' : '  NOT KEPT'}`);
  return isKept;
}
