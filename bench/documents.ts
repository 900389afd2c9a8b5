// Accepts 100,000 documents of 300 bytes on the real disk, in three ways: by `sallyport submit` and a daemon, as one
// submission in a process, and as 100,000 submissions, 1,000 at a time. Then opens the store with all of them. For
// comparison, `dd conv=fsync` copies the same file, and `JSON.parse` reads each line: in this process, and in a new
// process, because `submit` also has to start. Prints the median of seven rounds. Exit status 1 if a limit is exceeded.
// About 60 s.
//
// Run: node bench/documents.ts

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Submitting, startSubmitting, type Took } from './documents/command.ts';
import { copyDurably, parseEach, readLines } from './documents/least.ts';
import {
  buildWorker,
  COUNT,
  MAX_PEAK_MIB,
  median,
  print,
  type Run,
  timed,
  writeDocuments,
} from './documents/measure.ts';

/** Rounds of what is compared, and of the other parts. */
const PAIRS = 7;
const ROUNDS = 3;
const AT_ONCE = 1_000;
const MAX_SUBMIT_MS = 2_000;
const MAX_RATIO = 3;

const dir = mkdtempSync(join(tmpdir(), 'sallyport-documents-'));
const file = join(dir, 'documents.ndjson');
const escaped = join(dir, 'escaped.ndjson');
const single = join(dir, 'single.ndjson');
const url = 'http://127.0.0.1:1/';

const copy = join(dir, 'copy');

/** What is compared, one after another, so that other work on the machine meets all of it. */
async function pair(runWorker: Run, { submit, least: leastAsProcess }: Submitting, number: number) {
  const outbox = join(dir, `outbox-pair-${number}`);
  const lines = readLines(file);
  const least = { ms: (await timed(() => parseEach(lines))) + (await timed(() => copyDurably(file, copy))) };
  const one = await runWorker({ work: { does: 'submit', file }, outbox, url });
  rmSync(outbox, { recursive: true });
  return {
    least,
    one,
    leastProcess: await leastAsProcess(file, copy),
    command: await submit(file),
    start: await submit(single),
  };
}

async function round(runWorker: Run, number: number) {
  const outbox = join(dir, `outbox-${number}`);
  const read = await runWorker({ work: { does: 'read', file }, outbox, url });
  const withEscapes = await runWorker({ work: { does: 'read', file: escaped }, outbox, url });
  const each = await runWorker({ work: { does: 'submit-each', file, atOnce: AT_ONCE }, outbox, url });
  const again = await runWorker({ work: { does: 'submit', file }, outbox, url });
  const open = await runWorker({ work: { does: 'open' }, outbox, url });
  if (open.waiting !== 2 * COUNT) throw new Error(`${open.waiting} documents wait`);
  rmSync(outbox, { recursive: true });
  return { read, withEscapes, each, again, open };
}

let submitting: Submitting | null = null;
try {
  writeDocuments(file);
  writeDocuments(escaped, '\\"a\\" 10% C:\\\\temp ?a=1&b=2');
  writeFileSync(single, '{"n":1}\n');
  const run = buildWorker(dir);
  submitting = await startSubmitting(dir, url);
  const pairs: Awaited<ReturnType<typeof pair>>[] = [];
  while (pairs.length < PAIRS) pairs.push(await pair(run, submitting, pairs.length));
  const rounds: Awaited<ReturnType<typeof round>>[] = [];
  while (rounds.length < ROUNDS) rounds.push(await round(run, rounds.length));
  const least = median(pairs.map((done) => done.least.ms));
  const [leastProcess, command, start, one] = (['leastProcess', 'command', 'start', 'one'] as const).map((part) => ({
    ms: median(pairs.map((done) => done[part].ms)),
    cpuMs: median(pairs.map((done) => done[part].cpuMs)),
  })) as [Took, Took, Took, Took];
  const middle = (work: keyof (typeof rounds)[number], what: 'ms' | 'cpuMs') =>
    median(rounds.map((done) => done[work][what]));
  print('dd conv=fsync, and one JSON.parse a line', least, 'ms');
  print('  the same as a process', leastProcess.ms, 'ms');
  print('  CPU time of that process', leastProcess.cpuMs, 'ms');
  print('one submission, in process', one.ms, 'ms', { is: 'at most', than: MAX_SUBMIT_MS });
  print('  as a ratio', one.ms / least, 'times', { is: 'at most', than: MAX_RATIO });
  print('  CPU time', one.cpuMs, 'ms');
  print('sallyport submit, as installed', command.ms, 'ms', { is: 'at most', than: MAX_SUBMIT_MS });
  print('  as a ratio', command.ms / least, 'times', { is: 'at most', than: MAX_RATIO });
  print('  as a ratio to the process', command.ms / leastProcess.ms, 'times', { is: 'at most', than: MAX_RATIO });
  print('  CPU time with that of the daemon', command.cpuMs, 'ms');
  print('  as a ratio to the process', command.cpuMs / leastProcess.cpuMs, 'times');
  print('  start, and one document', start.ms, 'ms');
  print('  CPU time of start, and one document', start.cpuMs, 'ms');
  print('reading, parsing, search for secrets', middle('read', 'ms'), 'ms');
  print('  the same if each line has escapes', middle('withEscapes', 'ms'), 'ms');
  print('100,000 submissions', middle('each', 'ms'), 'ms');
  print('  CPU time', middle('each', 'cpuMs'), 'ms');
  print('start with 200,000 waiting', middle('open', 'ms'), 'ms');
  const peaks = {
    one: pairs.map((done) => done.one),
    each: rounds.map((done) => done.each),
    open: rounds.map((done) => done.open),
  };
  for (const [name, done] of Object.entries(peaks)) {
    const peak = Math.max(...done.map(({ peakMib }) => peakMib));
    print(`peak memory, ${name}`, peak, 'MiB', { is: 'at most', than: MAX_PEAK_MIB });
  }
  print('peak memory, daemon', submitting.peakMib(), 'MiB', { is: 'at most', than: MAX_PEAK_MIB });
} finally {
  await submitting?.stop();
  rmSync(dir, { recursive: true });
}
