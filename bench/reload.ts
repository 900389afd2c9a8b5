// Measures the cost of watching the configuration in a busy folder: 1,000 touches per second of other files, then of the
// configuration itself. Prints the share of a core that the watch uses, and its ratio to a bare `fs.watch` on the same
// folder. About 15 s. Exit status 1 if the share exceeds 20 %.
//
// Run: node bench/reload.ts

import { type ChildProcess, fork } from 'node:child_process';
import { watch as watchFolder } from 'node:fs';
import { mkdir, mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigWatch } from '#config/following/watch.ts';
import { systemClock } from '#system/clock.ts';

const TOUCHES_PER_SECOND = 1_000;
const MEASURE_MS = 4_000;
const TICK_MS = 10;
const PROMISED_SHARE = 0.2;
/** After this time a process that has not answered is given up. */
const LIMIT_MS = 60_000;

type Role = 'watch' | 'bare';
interface Measured {
  /** Of one core. */
  readonly share: number;
  /** Touches per second that the machine achieved. */
  readonly pace?: number;
  readonly reads: number;
}

const [, , role, ...files] = process.argv;
if (role === undefined) await compare();
else await measure(role as Role, files);

/** The parent: touches files while a child of each kind watches. */
async function compare(): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const limit = setTimeout(() => process.exit(2), LIMIT_MS);
  try {
    await mkdir(join(dir, 'secrets'));
    const config = join(dir, 'sallyport.yaml');
    const named = [config, join(dir, 'secrets', 'password'), join(dir, 'missing.pem')];
    for (const file of named.slice(0, 2)) await writeFile(file, 'version: 2\n');
    const others = Array.from({ length: 50 }, (_none, index) => join(dir, `other-${index}`));
    const bare = await underTouches('bare', named, others);
    const around = await underTouches('watch', named, others);
    const itself = await underTouches('watch', named, [config]);
    print('bare fs.watch on the folder', bare);
    print('the watch, other files touched', around);
    print('the watch, the configuration touched', itself);
    const worst = Math.max(around.share, itself.share);
    console.log(`ratio to bare fs.watch: ${(worst / Math.max(bare.share, 0.001)).toFixed(1)}`);
    console.log(`promised: under ${PROMISED_SHARE * 100} % of a core; worst ${(worst * 100).toFixed(1)} %`);
    process.exitCode = worst < PROMISED_SHARE ? 0 : 1;
  } finally {
    clearTimeout(limit);
    await rm(dir, { recursive: true, force: true });
  }
}

async function underTouches(kind: Role, named: readonly string[], touched: readonly string[]): Promise<Measured> {
  const child = fork(fileURLToPath(import.meta.url), [kind, ...named]);
  await message(child);
  const stop = touch(touched);
  const measured = (await message(child)) as Measured;
  return { ...measured, pace: await stop() };
}

function message(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('exit', (code) => reject(new Error(`the child ended with ${code}`)));
  });
}

/** Opens files and sets their dates, at the intended rate if the machine is fast enough, until it is stopped. */
function touch(files: readonly string[]): () => Promise<number> {
  let count = 0;
  let work = Promise.resolve();
  const began = performance.now();
  const timer = setInterval(() => {
    work = work.then(async () => {
      const due = ((performance.now() - began) / 1_000) * TOUCHES_PER_SECOND;
      for (; count < due; count += 1) {
        const handle = await open(files[count % files.length] ?? '', 'a');
        await handle.utimes(new Date(), new Date());
        await handle.close();
      }
    });
  }, TICK_MS);
  return async () => {
    clearInterval(timer);
    await work;
    return (count / (performance.now() - began)) * 1_000;
  };
}

function print(what: string, { share, reads, pace = 0 }: Measured): void {
  console.log(`${what}, ${pace.toFixed(0)} a second: ${(share * 100).toFixed(1)} % of a core, ${reads} readings`);
}

/** The child: watches, and reports the CPU time. */
async function measure(kind: Role, named: readonly string[]): Promise<void> {
  let reads = 0;
  let folder: ReturnType<typeof watchFolder> | null = null;
  const watch = new ConfigWatch(named, {
    clock: systemClock,
    read: () => {
      reads += 1;
      return Promise.resolve(named);
    },
    onDeaf: (reason) => console.error(reason),
    onRestless: () => undefined,
  });
  if (kind === 'bare') folder = watchFolder(join(named[0] ?? '', '..'), () => undefined);
  else await watch.readNow();
  process.send?.('ready');
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, MEASURE_MS));
  const { user, system } = process.cpuUsage(before);
  process.send?.({ share: (user + system) / 1_000 / MEASURE_MS, reads } satisfies Measured);
  folder?.close();
  await watch.stop();
  process.disconnect?.();
}
