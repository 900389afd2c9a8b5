// Measures `timeout estimate` on a log of 300 MB: time and peak memory. The log is generated, wrapped as in the manual, with
// thousands of downloads among other lines; half of it is rotated and compressed. About 20 s. Exit status 1 if the memory
// exceeds 150 MiB or a download was missed.
//
// Run: node bench/timeout-estimate.ts

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { createGzip } from 'node:zlib';

const LOG_BYTES = 300_000_000;
const PROMISED_MIB = 150;
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
/** Lines of other threads between two of a download. */
const NOISE_LINES = 400;

const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
try {
  const downloads = await makeLogs();
  await writeFile(join(dir, 'other.log'), '');
  await run('timeout', 'estimate', '--log', join(dir, 'other.log'), '--packages', dir);
  await measure(downloads);
} finally {
  await rm(dir, { recursive: true, force: true });
}

/** Two files of one log; returns how many downloads are in it. */
async function makeLogs(): Promise<number> {
  const packed = createGzip({ level: 1 });
  packed.pipe(createWriteStream(join(dir, 'nsc.log.gz.0')));
  const older = await fill(packed, 0);
  const younger = await fill(createWriteStream(join(dir, 'nsc.log')), older);
  return younger;
}

async function fill(to: Writable, first: number): Promise<number> {
  let id = first;
  for (let written = 0; written < LOG_BYTES / 2; id += 1) {
    const text = download(id);
    written += text.length;
    if (!to.write(text)) await once(to, 'drain');
    const jar = join(dir, `update-${id}.JAR`);
    if (id % 50 === 0) await writeFile(jar, '').then(() => truncate(jar, 1_000_000 * (1 + (id % 300))));
  }
  to.end();
  await once(to, 'close');
  return id;
}

function download(id: number): string {
  const at = (seconds: number) =>
    new Date(Date.UTC(2013, 0, 1) + (id * 600 + seconds) * 1_000).toISOString().slice(0, 19);
  const line = (seconds: number, message: string) => `${at(seconds)} [INFO] [Thread: Security Console] ${message}\n`;
  const noise = `${at(300)} [INFO] [Thread: Scan default:5] [Site: Lab] Looking at port 443 of host 192.0.2.7.\n`;
  return (
    line(0, `Downloading update ID\n${id}.`) +
    line(2, 'Response via 1.1\nproxy.example.com.') +
    line(20 + (id % 240), 'Response via 1.1\nproxy.example.com.') +
    noise.repeat(NOISE_LINES) +
    line(301, `Acknowledging receipt\nof update ID ${id}.`)
  );
}

interface Run {
  readonly out: string;
  readonly seconds: number;
  readonly peakMib: number;
}

/** The program as its launcher starts it, with Node's compile cache, which the first run fills. */
async function run(...args: readonly string[]): Promise<Run> {
  const begun = performance.now();
  // VmHWM is the peak memory of the process; it is read at exit.
  const report = `data:text/javascript,import{readFileSync as r}from'node:fs';process.on('exit',()=>{process.stderr.write(r('/proc/self/status','utf8'))})`;
  const child = spawn(process.execPath, ['--import', report, MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_COMPILE_CACHE: join(dir, 'cache') },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  await once(child, 'close');
  const seconds = (performance.now() - begun) / 1_000;
  return { out, seconds, peakMib: Number(/VmHWM:\s+(\d+) kB/.exec(err)?.[1]) / 1_024 };
}

async function measure(downloads: number): Promise<void> {
  const log = ['--log', join(dir, 'nsc.log'), '--packages', dir, '--time-zone', 'UTC'];
  const { out, seconds, peakMib } = await run('timeout', 'estimate', ...log, '--json');
  const found = JSON.parse(out) as { packages: unknown[]; not_measured: { dropped: number } };
  const measured = found.packages.length + found.not_measured.dropped;
  console.log(`log            ${LOG_BYTES / 1e6} MB, downloads: ${downloads}`);
  console.log(`measured       ${measured}`);
  console.log(`time           ${seconds.toFixed(1)} s`);
  console.log(`most memory    ${peakMib.toFixed(0)} MiB (promised: ${PROMISED_MIB})`);
  if (!(peakMib < PROMISED_MIB) || measured !== downloads) process.exitCode = 1;
}
