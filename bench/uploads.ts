// Sends 100,000 documents of 300 bytes that were accepted during an outage, to the reference server, which syncs each
// batch to disk. For comparison, `curl -Z` sends the same bodies to another such server; the two alternate. Prints the
// median of three rounds. Exit status 1 if a limit is exceeded. About 40 s.
//
// Run: node bench/uploads.ts

import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { constants, zstdCompressSync } from 'node:zlib';
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
const MIN_PER_SECOND = 20_000;
const MAX_RATIO = 1.5;
const COLLECTOR = new URL('documents/collector.ts', import.meta.url);
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

const dir = mkdtempSync(join(tmpdir(), 'sallyport-uploads-'));
const file = join(dir, 'documents.ndjson');

interface Collector {
  readonly url: string;
  readonly documentsFile: string;
  close(): Promise<void>;
}

async function startCollector(name: string): Promise<Collector> {
  const folder = join(dir, name);
  mkdirSync(folder);
  const child = fork(COLLECTOR, [folder]);
  const ended = once(child, 'exit');
  const [opened] = (await once(child, 'message')) as [Omit<Collector, 'close'>];
  const close = async () => {
    child.disconnect();
    await ended;
  };
  return { ...opened, close };
}

interface Batch {
  readonly batch: string;
  readonly sha256: string;
  readonly documents: number;
  readonly offset: number;
  readonly length: number;
}

/** A configuration of curl that sends every batch that a collector has. */
function curlConfig({ documentsFile }: Collector, url: string, folder: string): string {
  mkdirSync(folder);
  const all = readFileSync(documentsFile);
  const lines = readFileSync(join(dirname(documentsFile), 'batches.jsonl'), 'utf8')
    .split('\n')
    .slice(0, -1);
  const requests = lines.map((line, at) => {
    const { batch, sha256, documents, offset, length } = JSON.parse(line) as Batch;
    const body = join(folder, String(at));
    writeFileSync(body, zstdCompressSync(all.subarray(offset, offset + length), ZSTD));
    const digest = `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:`;
    const headers = [
      'Content-Type: application/x-ndjson',
      'Content-Encoding: zstd',
      `Idempotency-Key: ${batch}`,
      `Unencoded-Digest: ${digest}`,
      `Sallyport-Documents: ${documents}`,
      'Sallyport-Agent: agent-1',
    ];
    return [
      `url = "${url}"`,
      `data-binary = "@${body}"`,
      ...headers.map((one) => `header = "${one}"`),
      'output = "/dev/null"',
    ];
  });
  const path = join(folder, 'curl');
  writeFileSync(path, requests.map((one) => one.join('\n')).join('\nnext\n'));
  return path;
}

async function stored({ documentsFile }: Collector): Promise<void> {
  const count = readFileSync(documentsFile).reduce((sum, byte) => (byte === 0x0a ? sum + 1 : sum), 0);
  if (count !== COUNT) throw new Error(`${count} documents arrived`);
}

async function round(runWorker: Run, number: number) {
  const outbox = join(dir, `outbox-${number}`);
  const collector = await startCollector(`collector-${number}`);
  const other = await startCollector(`other-${number}`);
  try {
    const { url } = collector;
    const submitted = await runWorker({ work: { does: 'submit', file }, outbox, url });
    const drained = await runWorker({ work: { does: 'drain' }, outbox, url });
    if (drained.waiting > 0) throw new Error(`${drained.waiting} documents wait`);
    await stored(collector);
    const config = curlConfig(collector, other.url, join(dir, `bodies-${number}`));
    const curlMs = await timed(() => execFileSync('curl', ['-Z', '--no-progress-meter', '--fail', '-K', config]));
    await stored(other);
    return { drainMs: drained.ms, curlMs, peakMib: Math.max(drained.peakMib, submitted.peakMib), cpuMs: drained.cpuMs };
  } finally {
    await collector.close();
    await other.close();
  }
}

try {
  writeDocuments(file);
  const run = buildWorker(dir);
  const rounds: Awaited<ReturnType<typeof round>>[] = [];
  while (rounds.length < ROUNDS) rounds.push(await round(run, rounds.length));
  const drainMs = median(rounds.map((done) => done.drainMs));
  print('curl -Z', median(rounds.map((done) => done.curlMs)), 'ms');
  print('drain', drainMs, 'ms');
  print('  CPU time', median(rounds.map((done) => done.cpuMs)), 'ms');
  print('  documents in a second', (COUNT / drainMs) * 1_000, '', { is: 'at least', than: MIN_PER_SECOND });
  const ratio = median(rounds.map((done) => done.drainMs / done.curlMs));
  print('  as a ratio', ratio, 'times', { is: 'at most', than: MAX_RATIO });
  const peak = Math.max(...rounds.map((done) => done.peakMib));
  print('peak memory', peak, 'MiB', { is: 'at most', than: MAX_PEAK_MIB });
} finally {
  rmSync(dir, { recursive: true });
}
