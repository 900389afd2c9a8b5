// Accepts 100,000 documents of 300 bytes: by `sallyport submit` and a daemon, as one submission in a process, and as 100,000
// submissions, 1,000 at a time. Then opens the store with all of them. All on the real disk. In the same run,
// `dd conv=fsync` copies the same file, and each line is parsed once. The parts of `submit` are printed below it. The
// median of three rounds; exit status 1 if a limit is exceeded. About 60 s.
//
// Run: node bench/documents.ts

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Submitting, startSubmitting } from './documents/command.ts';
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

const ROUNDS = 3;
const AT_ONCE = 1_000;
const MAX_SUBMIT_MS = 2_000;
const MAX_RATIO = 3;

const dir = mkdtempSync(join(tmpdir(), 'sallyport-documents-'));
// The program is built in the temporary folder, where an older build would otherwise be used.
process.env['TMPDIR'] = dir;
const file = join(dir, 'documents.ndjson');
const escaped = join(dir, 'escaped.ndjson');
const single = join(dir, 'single.ndjson');
const url = 'http://127.0.0.1:1/';

/** What any program must do at least: check each line, and have the file on disk. */
async function reference(): Promise<number> {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1);
  const parsed = await timed(() => {
    for (const line of lines) JSON.parse(line);
  });
  const copied = await timed(() =>
    execFileSync('dd', [`if=${file}`, `of=${join(dir, 'copy')}`, 'bs=64K', 'conv=fsync', 'status=none']),
  );
  return parsed + copied;
}

async function round(runWorker: Run, { submit }: Submitting, number: number) {
  const outbox = join(dir, `outbox-${number}`);
  const least = await reference();
  const command = { ms: await submit(file), cpuMs: Number.NaN };
  const start = { ms: await submit(single), cpuMs: Number.NaN };
  const read = await runWorker({ work: { does: 'read', file }, outbox, url });
  const withEscapes = await runWorker({ work: { does: 'read', file: escaped }, outbox, url });
  const one = await runWorker({ work: { does: 'submit', file }, outbox, url });
  const each = await runWorker({ work: { does: 'submit-each', file, atOnce: AT_ONCE }, outbox, url });
  const open = await runWorker({ work: { does: 'open' }, outbox, url });
  if (open.waiting !== 2 * COUNT) throw new Error(`${open.waiting} documents wait`);
  rmSync(outbox, { recursive: true });
  return { least, command, start, read, withEscapes, one, each, open };
}

let submitting: Submitting | null = null;
try {
  writeDocuments(file);
  writeDocuments(escaped, '\\"a\\" 10% C:\\\\temp ?a=1&b=2');
  writeFileSync(single, '{"n":1}\n');
  const run = buildWorker(dir);
  submitting = await startSubmitting(dir, url);
  const rounds: Awaited<ReturnType<typeof round>>[] = [];
  while (rounds.length < ROUNDS) rounds.push(await round(run, submitting, rounds.length));
  const least = median(rounds.map((done) => done.least));
  type Part = Exclude<keyof (typeof rounds)[number], 'least'>;
  const middle = (work: Part, what: 'ms' | 'cpuMs') => median(rounds.map((done) => done[work][what]));
  const ratio = (work: Part) => median(rounds.map((done) => done[work].ms / done.least));
  print('dd conv=fsync, and one JSON.parse a line', least, 'ms');
  print('sallyport submit, with its start', middle('command', 'ms'), 'ms', { is: 'at most', than: MAX_SUBMIT_MS });
  print('  as a ratio', ratio('command'), 'times');
  print('  start, and one document', middle('start', 'ms'), 'ms');
  print('  reading, parsing, search for secrets', middle('read', 'ms'), 'ms');
  print('  the same if each line has escapes', middle('withEscapes', 'ms'), 'ms');
  print('one submission', middle('one', 'ms'), 'ms', { is: 'at most', than: MAX_SUBMIT_MS });
  print('  as a ratio', ratio('one'), 'times', { is: 'at most', than: MAX_RATIO });
  print('  CPU time', middle('one', 'cpuMs'), 'ms');
  print('100,000 submissions', middle('each', 'ms'), 'ms');
  print('  CPU time', middle('each', 'cpuMs'), 'ms');
  print('start with 200,000 waiting', middle('open', 'ms'), 'ms');
  for (const name of ['one', 'each', 'open'] as const) {
    const peak = Math.max(...rounds.map((done) => done[name].peakMib));
    print(`peak memory, ${name}`, peak, 'MiB', { is: 'at most', than: MAX_PEAK_MIB });
  }
  print('peak memory, daemon', submitting.peakMib(), 'MiB', { is: 'at most', than: MAX_PEAK_MIB });
} finally {
  await submitting?.stop();
  rmSync(dir, { recursive: true });
}
