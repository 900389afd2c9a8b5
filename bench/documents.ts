// Accepts 100,000 documents of 300 bytes into the store of documents on the real disk: in one submission, and in 100,000 of
// their own, 1,000 at a time. Then opens the store again, cuts batches of 1,000 and settles them. Fails if one submission
// takes 2 s or more. In the same run, `dd conv=fsync` writes as many bytes. Run: node bench/documents.ts   (half a minute)

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ballast } from '#spool/ballast.ts';
import { deliver } from '#spool/delivery.ts';
import type { Documents } from '#spool/segments/documents.ts';
import { openDocuments } from '#spool/segments/open.ts';
import { exceeds } from '#spool/segments/range.ts';
import { systemClock } from '#system/clock.ts';
import { realFiles } from '#system/real-files.ts';

const COUNT = 100_000;
const AT_A_TIME = 1_000;
const LIMIT_MS = 2_000;
const DOCUMENT = Buffer.from(JSON.stringify({ event: 'x'.repeat(288) }));
const LIMITS = { documents: 1_000, bytes: 1_048_576 };

async function open(outbox: string): Promise<Documents> {
  const report = () => undefined;
  const ports = { files: realFiles, outbox, clock: systemClock, report };
  const ballast = await Ballast.open(ports);
  const scope = { purpose: 'analytics', thread: 'Analytics' };
  const quota = () => ({ documents: 2_000_000, bytes: 2 ** 31 });
  return await openDocuments({ ...ports, ballast }, { scope, quota, sealAfterMs: () => 10_000 });
}

function* documents(count: number): Generator<Uint8Array> {
  for (let n = 0; n < count; n += 1) yield DOCUMENT;
}

async function timed(what: string, work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  const ms = Math.round(performance.now() - began);
  process.stdout.write(`${what.padEnd(48)} ${String(ms).padStart(7)} ms\n`);
  return ms;
}

async function drain(store: Documents): Promise<void> {
  const delivery = {
    spool: store.batches,
    clock: systemClock,
    random: () => 0.5,
    report: () => undefined,
    retry: () => ({ maxDelaySeconds: 60 }),
  };
  await deliver(
    {
      ...delivery,
      policy: async ({ entry: { body } }) => {
        if (exceeds(body, LIMITS)) return { does: 'split', parts: await store.cut(body, LIMITS), says: [] };
        let bytes = 0;
        for await (const chunk of store.body(body).open(0)) bytes += chunk.length;
        if (bytes !== body.length) throw new Error('a body is too short');
        return { does: 'settle', says: [] };
      },
    },
    new AbortController().signal,
  );
}

const dir = mkdtempSync(join(tmpdir(), 'sallyport-documents-'));
try {
  const outbox = join(dir, 'outbox');
  const dd = ['if=/dev/zero', 'of=copy', 'bs=300', `count=${COUNT}`, 'conv=fsync', 'status=none'];
  await timed('dd conv=fsync of as many bytes', async () => execFileSync('dd', dd, { cwd: dir }));
  let store = await open(outbox);
  const one = await timed('one submission of 100,000', () => store.append({ documents: documents(COUNT) }));
  await timed('100,000 submissions of one, 1,000 at a time', async () => {
    for (let n = 0; n < COUNT; n += AT_A_TIME) {
      await Promise.all(Array.from({ length: AT_A_TIME }, () => store.append({ documents: [DOCUMENT] })));
    }
  });
  await store.close();
  await timed('start with 200,000 waiting', async () => {
    store = await open(outbox);
  });
  const { documents: waiting } = store.waiting;
  if (waiting !== 2 * COUNT) throw new Error(`${waiting} documents wait`);
  await timed('200,000 cut, verified, read and settled', () => drain(store));
  await store.close();
  if (store.waiting.bytes > 0) throw new Error('segments are left');
  process.stdout.write(`peak memory ${Math.round(process.resourceUsage().maxRSS / 1_024)} MiB\n`);
  if (one >= LIMIT_MS) process.exitCode = 1;
} finally {
  rmSync(dir, { recursive: true });
}
