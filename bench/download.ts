// Compares downloads through Squid: Sallyport as a warm daemon, as one round in a process and as `sallyport fetch`,
// with curl, apt-helper, aria2c and wget2. The loads are 1 file of 1 GiB, 20 of 10 MiB and 500 of 64 KiB, over http and
// https (CONNECT), each durable and not durable. The order of the programs changes each round, and the digest of every
// file is checked. Prints the medians of the ratios to curl + openssl, with the least and the greatest, and the peak of
// memory. All files are in a temporary folder, which is removed. Needs Linux, Squid, nginx and curl.
//
// Run: npx node bench/download.ts [--quick] [--rounds N] [--only WORDS] [--ours] [--than CHECKOUT] [--profile DIR]
//      npx node bench/download.ts --huge
//
// `--only '20 x|not durable'` makes the tables whose title has one of these words. `--quick` has smaller files and 2
// rounds. `--ours` leaves out all programs but curl. `--than` adds the daemon of another checkout, `--profile` writes
// CPU profiles. `--huge` measures the memory of the daemon at 10 MiB, 1 GiB and 20 GiB instead.

import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildProgram } from './documents/measure.ts';
import { type Contender, isLeastWork, type Load, PROGRAMS } from './download/contenders.ts';
import {
  digestOf,
  makeFiles,
  type Scheme,
  type ServedFile,
  type Servers,
  type Size,
  startServers,
} from './download/load.ts';
import type { Measured } from './download/measure.ts';
import { printTable, type Round } from './download/report.ts';
import { fetchProcess, roundProcess, warmDaemon } from './download/sallyport.ts';

const KIB = 1_024;
const MIB = 1_024 * KIB;
const GIB = 1_024 * MIB;
const MAX_PEAK_MIB = 100;

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string', default: '' },
    ours: { type: 'boolean', default: false },
    huge: { type: 'boolean', default: false },
    profile: { type: 'string' },
    than: { type: 'string' },
  },
});

const SIZES: readonly Size[] = options.quick
  ? [
      { name: 'large', count: 1, bytes: 64 * MIB },
      { name: 'medium', count: 5, bytes: 10 * MIB },
      { name: 'small', count: 50, bytes: 64 * KIB },
    ]
  : [
      { name: 'large', count: 1, bytes: GIB },
      { name: 'medium', count: 20, bytes: 10 * MIB },
      { name: 'small', count: 500, bytes: 64 * KIB },
    ];
const HUGE: readonly Size[] = [
  { name: 'ten', count: 1, bytes: 10 * MIB },
  { name: 'gib', count: 1, bytes: GIB },
  { name: 'twenty', count: 1, bytes: 20 * GIB, sparse: true },
];
const ROUNDS = Number(options.rounds ?? (options.quick ? 2 : 5));

const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
// If root runs this, Squid runs as a user of its own.
await chmod(dir, 0o755);
// The servers have their folders there as well.
process.env['TMPDIR'] = dir;
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
let runs = 0;

/** One run in an empty folder. @throws if a file is not what it must be */
async function run(contender: Contender, load: Omit<Load, 'dir'>): Promise<Measured> {
  runs += 1;
  const own = join(dir, `run-${runs}`);
  mkdirSync(own);
  try {
    const { measured, folder } = await contender.run({ ...load, dir: own });
    for (const { name, sha256 } of isLeastWork(contender) ? [] : load.files) {
      if (digestOf(join(folder, name)) !== sha256) throw new Error(`${contender.name} brought another ${name}`);
    }
    return measured;
  } finally {
    rmSync(own, { recursive: true, force: true });
  }
}

async function compare(title: string, contenders: readonly Contender[], load: Omit<Load, 'dir'>): Promise<void> {
  const taking = contenders.filter((one) => one.suits(load));
  const rounds: Round[] = [];
  // The first round warms the page cache.
  for (let round = -1; round < ROUNDS; round += 1) {
    const measured = new Map<string, Measured>();
    const shift = (round + 1) % taking.length;
    for (const contender of [...taking.slice(shift), ...taking.slice(0, shift)]) {
      measured.set(contender.name, await run(contender, load));
    }
    const inOrder = taking.flatMap(({ name }) => {
      const one = measured.get(name);
      return one === undefined ? [] : [[name, one] as const];
    });
    if (round >= 0) rounds.push(new Map(inOrder));
  }
  printTable(title, rounds);
}

const UNITS = [
  ['GiB', GIB],
  ['MiB', MIB],
  ['KiB', KIB],
] as const;

function describe({ count, bytes }: Size): string {
  const [unit, size] = UNITS.find((one) => bytes >= one[1]) ?? ['bytes', 1];
  return `${count} x ${bytes / size} ${unit}`;
}

/** Which tables: every size over http with and without durability, and durable over https. */
const TABLES: readonly { readonly scheme: Scheme; readonly durable: boolean }[] = [
  { scheme: 'http', durable: true },
  { scheme: 'http', durable: false },
  { scheme: 'https', durable: true },
];

/** Whether `--only` includes it. */
const isWanted = (title: string) => new RegExp(options.only).test(title);

async function measureTables(servers: Servers, contenders: readonly Contender[]): Promise<void> {
  for (const size of SIZES) {
    const titled = TABLES.map((table) => ({
      ...table,
      title: `${describe(size)}, ${table.scheme}, ${table.durable ? 'durable' : 'not durable'}`,
    }));
    const wanted = titled.filter(({ title }) => isWanted(title));
    const files = wanted.length === 0 ? [] : makeFiles(servers.served, size);
    for (const { title, ...table } of wanted) await compare(title, contenders, { servers, files, ...table });
    for (const { name } of files) rmSync(join(servers.served, name));
  }
}

/** Builds the program of another checkout. */
function buildOther(checkout: string): string {
  const folder = join(dir, 'other');
  const files = ['tools/bundle.ts', 'src/main.ts'].map((file) => join(checkout, file));
  execFileSync(process.execPath, [...files, folder], { stdio: 'ignore' });
  return join(folder, 'main.js');
}

/** The memory of a daemon that has downloaded only one package. */
async function measureMemory(servers: Servers, daemon: Contender): Promise<void> {
  for (const size of HUGE.filter((one) => isWanted(describe(one)))) {
    const files = makeFiles(servers.served, size);
    const { peakMib } = await run(daemon, { servers, scheme: 'http', files, durable: true });
    const isKept = peakMib <= MAX_PEAK_MIB;
    console.log(`${describe(size)}: peak memory ${peakMib.toFixed(0)} MiB (at most ${MAX_PEAK_MIB})`);
    if (!isKept) process.exitCode = 1;
    for (const { name } of files) rmSync(join(servers.served, name));
  }
}

let servers: Servers | null = null;
try {
  const main = buildProgram(new URL('../src/main.ts', import.meta.url), dir);
  servers = await startServers(dir);
  const warmUp: ServedFile[] = [
    ...makeFiles(servers.served, { name: 'warm', count: 48, bytes: 64 * KIB }),
    ...makeFiles(servers.served, { name: 'warm-medium', count: 2, bytes: 10 * MIB }),
  ];
  const program = { main, profiles: options.profile ?? null, updates: {}, warmUp };
  const daemon = warmDaemon(program);
  const other =
    options.than === undefined
      ? []
      : [{ ...warmDaemon({ ...program, main: buildOther(options.than) }), name: 'other daemon' }];
  const ours = [fetchProcess(program), roundProcess(program), daemon, ...other];
  const [base] = PROGRAMS as [Contender];
  if (options.huge) await measureMemory(servers, warmDaemon({ ...program, warmUp: [] }));
  else await measureTables(servers, options.ours ? [base, ...ours] : [...PROGRAMS, ...ours]);
} finally {
  await servers?.stop();
}
