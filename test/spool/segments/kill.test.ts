// A process that accepts documents and sends them is killed at random moments, and its collector restarts. At the end,
// every acknowledged document is at the collector or rejected, each once.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { type Origin, startOrigin } from '#origin/server.ts';
import { seeded } from '#test/support/crashing-files.ts';
import { rounds } from '#test/support/rounds.ts';

const PROGRAM = fileURLToPath(new URL('../../support/documents-process.ts', import.meta.url));
const ROUNDS = rounds(3);
const MIN_LIFE_MS = 100;
const MAX_LIFE_MS = 400;
/** Numbers that this divides are rejected by the collector. */
const REJECTED = 101;
const ROUND_NUMBERS = 1_000_000;

let origin: Origin | null = null;
let child: ChildProcess | null = null;
afterEach(async () => {
  child?.kill('SIGKILL');
  await origin?.close();
});

const reject = (document: unknown) => ((document as { n: number }).n % REJECTED === 0 ? 'divisible' : null);

/** Documents by what is known of them. */
class Ledger {
  readonly accepted = new Set<number>();
  /** Submissions that the process began. */
  readonly tried = new Map<number, number>();
  last: Record<string, unknown[]> = {};

  take(line: string): void {
    const [what = '', from = '', count = ''] = line.split(' ');
    if (what === 'trying') this.tried.set(Number(from), Number(count));
    else if (what === 'accepted') for (const n of numbers(Number(from), Number(count))) this.accepted.add(n);
    else if (from !== '') this.last[what] = JSON.parse(from) as unknown[];
  }
}

const numbers = (from: number, count: number) => Array.from({ length: count }, (_, at) => from + at);

/** Runs the process until it ends, or kills it this long after it has opened its store. */
async function run(args: readonly string[], ledger: Ledger, killAfterMs: number | null): Promise<void> {
  child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let timer: Promise<void> | null = null;
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    if (line === 'open' && killAfterMs !== null) timer = delay(killAfterMs).then(() => void child?.kill('SIGKILL'));
    ledger.take(line);
  }
  await timer;
  const [code, signal] = (await exited) as [number | null, string | null];
  expect({ code, signal }).toEqual(
    killAfterMs === null ? { code: 0, signal: null } : { code: null, signal: 'SIGKILL' },
  );
}

it('documents: survive kill -9 at random moments, each at the collector once', { timeout: 280_000 }, async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-kill-'));
  const outbox = join(dir, 'outbox');
  const random = seeded(Date.now());
  const lifeMs = () => MIN_LIFE_MS + random() * (MAX_LIFE_MS - MIN_LIFE_MS);
  const ledger = new Ledger();
  const start = (port = 0) => startOrigin({ dir, port, uploads: { batches: { reject } } });
  origin = await start();
  const { analyticsUrl: url, documentsFile } = origin;
  const port = Number(new URL(url).port);
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = String(1 + round * ROUND_NUMBERS);
    const killed = run([outbox, url, from, '60'], ledger, lifeMs());
    if (round % 3 === 0) {
      await delay(lifeMs());
      await origin.close();
      origin = await start(port);
    }
    await killed;
  }
  await run([outbox, url, '0', '0'], ledger, null);

  const lines = (await readFile(documentsFile, 'utf8')).split('\n').slice(0, -1);
  const stored = lines.map((line) => JSON.parse(line) as { id: string; document: { n: number } });
  expect(new Set(stored.map(({ id }) => id)).size).toBe(stored.length);
  const { rejected = [], problems } = ledger.last;
  const arrived = [...stored.map(({ document }) => document.n), ...(rejected as number[])];
  const unique = new Set(arrived);
  expect(problems).toEqual([]);
  expect(unique.size).toBe(arrived.length);
  expect([...ledger.accepted].filter((n) => !unique.has(n))).toEqual([]);
  expect(ledger.accepted.size).toBeGreaterThan(10 * ROUNDS);
  for (const [from, count] of ledger.tried) {
    expect([0, count]).toContain(numbers(from, count).filter((n) => unique.has(n)).length);
  }
});
