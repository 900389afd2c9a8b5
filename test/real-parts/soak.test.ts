// A real daemon through a real Squid, with kills, reloads, a full disk and a proxy that stops: each at least once, then
// chosen by a seed. Every package on disk is right, every receipt came once per key, and the calm rounds leak nothing.
// SALLYPORT_TEST_ROUNDS runs more of them.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Control, RoundResult } from '#control/control.ts';
import { PROGRAM_PATH } from '#test/support/built-program.ts';
import { connectAt } from '#test/support/connect-at.ts';
import { seeded } from '#test/support/crashing-files.ts';
import { feedOf, itemFor, makeJar, sha256 } from '#test/support/jars.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { rounds } from '#test/support/rounds.ts';
import { type ScriptedOrigin, startScriptedOrigin } from '#test/support/scripted-origin.ts';
import { mountSmallDisk, type SmallDisk } from '#test/support/small-disk.ts';
import { type RunningSquid, startSquid } from '#test/support/squid.ts';

const DISTURBED_ROUNDS = rounds(35);
const SETTLING_ROUNDS = 50;
const CALM_ROUNDS = rounds(40);
const DISK_MIB = 16;
const PACKAGES = ['alpha', 'beta', 'gamma'] as const;
const random = seeded(20_261_121);
/** Mounting a small disk for one process alone needs root; without it a full disk is played by the reserve. */
const isRoot = process.geteuid?.() === 0;

let dir: string;
let origin: ScriptedOrigin;
let squid: RunningSquid;
let disk: SmallDisk | null;
let daemon: Daemon;
let baseMs = 30_000;
let reserveBytes = 0;
let serial = 0;
const offered = new Map<string, { package: string; sequence: number; jar: Buffer }>();

interface Daemon {
  readonly child: ChildProcess;
  readonly control: Control;
  /** Resolves with the next line that has this text. */
  line(text: string): Promise<string>;
}

async function startDaemon(): Promise<Daemon> {
  const enter = disk === null ? [] : ['nsenter', `--mount=${disk.namespace}`];
  // With room for twice of what is in use, V8 collects before it grows: what then grows is in use.
  const limits = ['--max-semi-space-size=1', '--max-old-space-size=48'];
  const program = [process.execPath, '--disable-sigusr1', '--report-exclude-env', ...limits, PROGRAM_PATH];
  const [command = '', ...args] = [...enter, ...program, '--config', join(dir, 'sallyport.yaml'), 'run'];
  const { PATH = '', HOME = '' } = process.env;
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { PATH, HOME } });
  const waiting = new Set<{ text: string; resolve: (line: string) => void }>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    for (const one of [...waiting].filter(({ text }) => line.includes(text))) {
      waiting.delete(one);
      one.resolve(line);
    }
  });
  const line = (text: string) => new Promise<string>((resolve) => waiting.add({ text, resolve }));
  await line('Listening for commands on');
  const control = await connectAt(join(dir, 'control.sock'));
  if (control === null) throw new Error('the daemon does not answer');
  return { child, control, line };
}

async function writeConfig(): Promise<void> {
  const lines = [
    'version: 2',
    'updates:',
    `  feed_url: ${origin.url}/feed.json`,
    `  acknowledge_url: ${origin.url}/acknowledge`,
    `  packages_dir: ${dir}/disk/packages`,
    '  keep_versions: 2',
    `  reserve_bytes: ${reserveBytes}`,
    'response_timeout:',
    `  base_ms: ${baseMs}`,
    'retry:',
    '  attempts: 1',
    `proxies: [{name: corp, address: 127.0.0.1, port: ${squid.port}, default: true}]`,
    `logging: {dir: ${dir}/disk/logs}`,
    `daemon: {state_dir: ${dir}/disk/state, control_socket: ${dir}/control.sock}`,
  ];
  await writeFile(join(dir, 'sallyport.yaml'), lines.join('\n'), { mode: 0o600 });
}

async function reload(): Promise<void> {
  const applied = daemon.line('New configuration loaded');
  await writeConfig();
  daemon.child.kill('SIGHUP');
  await applied;
}

/** A new version of one of the packages. */
function offer(): void {
  const name = PACKAGES[Math.floor(random() * PACKAGES.length)] ?? 'alpha';
  serial += 1;
  const id = `${name}-${serial}`;
  const jar = makeJar(id, 20_000 + Math.floor(random() * 200_000));
  offered.set(id, { package: name, sequence: serial, jar });
  origin.serve(`/${id}.jar`, jar);
  const items = [...offered].map(([one, { jar: bytes, ...fields }]) => itemFor(one, bytes, fields));
  origin.serve('/feed.json', feedOf(items.slice(-40), { serial }), 'application/json');
}

function check(): Promise<RoundResult> {
  return daemon.control.check(() => undefined, new AbortController().signal);
}

/** Kills the process during a round, at an event that the seed chooses, and starts it again. */
async function killInRound(): Promise<void> {
  offer();
  let left = Math.floor(random() * 16);
  const gone = once(daemon.child, 'exit');
  const asked = daemon.control.check(() => {
    left -= 1;
    if (left <= 0) daemon.child.kill('SIGKILL');
  }, new AbortController().signal);
  await asked.catch(() => undefined);
  daemon.child.kill('SIGKILL');
  await gone;
  daemon = await startDaemon();
}

async function reloadWithOthers(): Promise<void> {
  baseMs = 20_000 + Math.floor(random() * 20_000);
  await reload();
}

async function proxyGoesAway(): Promise<void> {
  await squid.stop();
  offer();
  expect((await check()).failure?.class).toMatch(/tcp|policy|http/);
  squid = await startSquid();
  await reload();
}

async function diskRunsFull(): Promise<void> {
  offer();
  const filler = disk === null ? null : join(disk.path, 'filler');
  if (filler === null) {
    reserveBytes = Number.MAX_SAFE_INTEGER;
    await reload();
  } else {
    await writeFile(filler, Buffer.alloc(DISK_MIB * 1_048_576)).catch(() => undefined);
  }
  const { failure, failed, published } = await check();
  expect(published).toEqual([]);
  expect(failure?.code ?? failed[0]?.failure.code).toBe('DISK-FULL');
  expect(daemon.child.exitCode).toBeNull();
  if (filler === null) {
    reserveBytes = 0;
    await reload();
  } else {
    await rm(filler);
  }
}

/** What happens before a round. */
async function disturb(): Promise<void> {
  const chance = random();
  if (chance < 0.4) offer();
  else if (chance < 0.5) await killInRound();
  else if (chance < 0.6) await reloadWithOthers();
  else if (chance < 0.63) await proxyGoesAway();
  else if (chance < 0.68) await diskRunsFull();
}

interface Footprint {
  readonly descriptors: number;
  readonly anonymousKib: number;
}

async function footprint(): Promise<Footprint> {
  const status = await readFile(`/proc/${daemon.child.pid}/status`, 'utf8');
  const descriptors = (await readdir(`/proc/${daemon.child.pid}/fd`)).length;
  return { descriptors, anonymousKib: Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) };
}

describeWith(['squid'], 'a soak', () => {
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sallyport-soak-'));
    await mkdir(join(dir, 'disk'));
    origin = await startScriptedOrigin();
    squid = await startSquid();
    disk = isRoot ? await mountSmallDisk(join(dir, 'disk'), DISK_MIB) : null;
    offer();
    await writeConfig();
    daemon = await startDaemon();
  }, 120_000);

  afterAll(async () => {
    const gone = once(daemon.child, 'exit');
    daemon.child.kill('SIGTERM');
    await gone;
    disk?.keeper.kill('SIGKILL');
    await squid.stop();
    await origin.close();
    await rm(dir, { recursive: true, force: true });
  }, 120_000);

  it('soak: disturbed rounds leave correct packages, one receipt per key, and nothing else', {
    timeout: 300_000,
  }, async () => {
    for (const disturbance of [killInRound, reloadWithOthers, proxyGoesAway, diskRunsFull]) {
      await disturbance();
      await check();
    }
    for (let round = 0; round < DISTURBED_ROUNDS; round += 1) {
      await disturb();
      await check();
    }
    // Some things are kept up to a number, such as the newest lines of the log, and have to be full first.
    for (let round = 0; round < SETTLING_ROUNDS; round += 1) await check();
    const before = await footprint();
    for (let round = 0; round < CALM_ROUNDS; round += 1) await check();
    const after = await footprint();

    // One left by each round would be forty; one or two are a connection that is just going.
    expect(after.descriptors).toBeLessThan(before.descriptors + 5);
    expect(after.anonymousKib).toBeLessThan(before.anonymousKib + 8_192);
    await expectPackages();
    expectReceipts();
  });
});

async function expectPackages(): Promise<void> {
  const packages = join(disk?.path ?? join(dir, 'disk'), 'packages');
  const names = (await readdir(packages)).filter((name) => name.endsWith('.jar'));
  for (const name of PACKAGES) {
    const newest = [...offered].filter(([, one]) => one.package === name).at(-1)?.[0];
    if (newest !== undefined) expect(names).toContain(`${newest}.jar`);
    expect(names.filter((found) => found.startsWith(name)).length).toBeLessThanOrEqual(2);
  }
  for (const name of names) {
    const bytes = await readFile(join(packages, name));
    expect(sha256(bytes)).toBe(sha256(offered.get(name.slice(0, -'.jar'.length))?.jar ?? Buffer.alloc(0)));
  }
  expect(await readdir(join(packages, '.staging'))).toEqual([]);
}

/** A kill between the answer and its note sends a receipt twice, under the same key; a second key never. */
function expectReceipts(): void {
  const keys = new Map(origin.receipts.map(({ key, id, outcome }) => [key, `${id} ${outcome}`]));
  const told = [...keys.values()];
  expect(new Set(told).size).toBe(told.length);
  for (const name of PACKAGES) {
    const newest = [...offered].filter(([, one]) => one.package === name).at(-1)?.[0];
    if (newest !== undefined) expect(told).toContain(`${newest} published`);
  }
}
