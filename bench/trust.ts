// Measures the client of signed feeds in two cases: a refresh without news, and a refresh with 10,000 targets in the
// top level and 20 delegated roles of 500 targets each, followed by one search in each role. Prints the CPU time of
// this thread, in total and in the longest turn of the event loop, as medians of five. Fails if a limit is exceeded.
//
// Run: node bench/trust.ts [--gate]

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { RealFiles } from '#system/real-files.ts';
import { NOW_MS, SimulatedRepository } from '#test/tuf/support/simulated-repository.ts';
import { TufClient } from '#trust/tuf/client.ts';

const RUNS = 5;
const TARGETS = 10_000;
const ROLES = 20;
const MAX_REQUESTS = 2;
const MAX_IDLE_CPU_MS = 100;
const MAX_LARGE_MS = 300;
const MAX_PAUSE_MS = 50;
/** CI is not idle. There, only a cost of another order fails. */
const GATE_FACTOR = 10;

const { values } = parseArgs({ options: { gate: { type: 'boolean', default: false } } });
const factor = values.gate ? GATE_FACTOR : 1;
const { signal } = new AbortController();
const folder = mkdtempSync(join(tmpdir(), 'bench-trust-'));

function open(repository: SimulatedRepository, dir: string): Promise<TufClient> {
  return TufClient.open({
    files: new RealFiles(),
    dir: join(folder, dir),
    source: repository,
    nowMs: NOW_MS,
    initialRoot: repository.initialRoot,
    rootFile: 'root.json',
    report: () => undefined,
  });
}

interface Cost {
  readonly cpuMs: number;
  readonly wallMs: number;
  readonly pauseMs: number;
}

/** The longest turn is that of CPU time: on a busy machine a short turn takes long as well. */
async function measure(work: () => Promise<void>): Promise<Cost> {
  let isRunning = true;
  let pauseMs = 0;
  let last = cpuMs();
  const turn = () => {
    const now = cpuMs();
    pauseMs = Math.max(pauseMs, now - last);
    last = now;
    // An immediate would keep the thread busy; a timer of a millisecond joins turns at most.
    if (isRunning) setTimeout(turn, 1);
  };
  setTimeout(turn, 1);
  await delay(5);
  pauseMs = 0;
  const before = cpuMs();
  const began = performance.now();
  await work();
  const wallMs = performance.now() - began;
  const spent = cpuMs() - before;
  await delay(5);
  isRunning = false;
  return { cpuMs: spent, wallMs, pauseMs };
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1_000;
}

async function median(work: (run: number) => Promise<void>): Promise<Cost> {
  const costs: Cost[] = [];
  for (let run = 0; run < RUNS; run += 1) costs.push(await measure(() => work(run)));
  const of = (field: keyof Cost) => costs.map((cost) => cost[field]).toSorted((a, b) => a - b)[RUNS >> 1] ?? 0;
  return { cpuMs: of('cpuMs'), wallMs: of('wallMs'), pauseMs: of('pauseMs') };
}

function large(): { repository: SimulatedRepository; paths: readonly string[] } {
  const repository = new SimulatedRepository();
  repository.listsDigests = true;
  const paths: string[] = [];
  for (let number = 0; number < TARGETS; number += 1) {
    repository.addTarget('targets', `packages/top-${number}.jar`, String(number));
  }
  for (let role = 0; role < ROLES; role += 1) {
    repository.delegate('targets', { name: `team-${role}`, paths: [`team-${role}/*`] });
    for (let number = 0; number < TARGETS / ROLES; number += 1) {
      repository.addTarget(`team-${role}`, `team-${role}/${number}.jar`, String(number));
    }
    paths.push(`team-${role}/7.jar`);
  }
  repository.publishAll();
  return { repository, paths };
}

function show(what: string, { cpuMs, wallMs, pauseMs }: Cost): void {
  const [cpu, wall, pause] = [cpuMs, wallMs, pauseMs].map((ms) => `${ms.toFixed(1)} ms`);
  console.log(`${what}: ${cpu} of CPU, ${wall} in all, longest pause ${pause}`);
}

function require(what: string, found: number, limit: number): void {
  if (found <= limit * factor) return;
  console.error(`${what}: ${found.toFixed(1)}, at most ${limit * factor}`);
  process.exitCode = 1;
}

try {
  const small = new SimulatedRepository();
  await (await open(small, 'idle')).refresh(signal);
  small.metadataRequests.length = 0;
  const idle = await median(async () => {
    await (await open(small, 'idle')).refresh(signal);
  });
  show('refresh without news', idle);
  const requests = small.metadataRequests.length / RUNS;
  console.log(`requests: ${requests}`);
  if (requests > MAX_REQUESTS) process.exitCode = 1;
  require('CPU of a refresh without news', idle.cpuMs, MAX_IDLE_CPU_MS);

  const { repository, paths } = large();
  const search = async (dir: string) => {
    const client = await open(repository, dir);
    await client.refresh(signal);
    for (const path of paths) if ((await client.find(path, signal)) === null) throw new Error(`${path} was not found`);
  };
  const first = await median((run) => search(`large-${run}`));
  show(`first refresh of ${2 * TARGETS} targets in ${ROLES + 1} roles`, first);
  const again = await median(() => search('large-0'));
  show('the same from the store', again);
  for (const cost of [first, again]) {
    require('large repository', cost.cpuMs, MAX_LARGE_MS);
    require('longest pause', cost.pauseMs, MAX_PAUSE_MS);
  }
} finally {
  rmSync(folder, { recursive: true });
}
