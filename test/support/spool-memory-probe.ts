// Accepts an attachment of a given size into a spool on the real disk, verifies its digest, reads it as a sender does, settles
// it, and prints the growth of the peak memory of the process as JSON. A separate process, because that value never falls.

import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { realFiles } from '#system/real-files.ts';
import { headOf, kindOf, openKind } from './spool-rig.ts';

/** What the program prints. */
export interface MemoryProbe {
  readonly grownMib: number;
  readonly sha256: string;
  readonly recorded: string | undefined;
}

const CHUNK_BYTES = 65_536;

/** One buffer for all of it: what is measured is the spool. */
async function* bytesOf(length: number): AsyncGenerator<Uint8Array, void, undefined> {
  const chunk = Buffer.alloc(CHUNK_BYTES);
  for (let left = length; left > 0; left -= CHUNK_BYTES) {
    yield await Promise.resolve(chunk.fill(left % 251).subarray(0, Math.min(CHUNK_BYTES, left)));
  }
}

async function probe(dir: string, length: number): Promise<MemoryProbe> {
  const kind = kindOf('bundle', { bytes: 1_073_741_824 });
  const { spool } = await openKind(realFiles, kind, { outbox: join(dir, 'outbox') });
  const before = process.resourceUsage().maxRSS;
  await spool.accept({ key: 'k', body: { id: 'k' }, attachment: { open: () => bytesOf(length) } });
  const head = headOf(spool, 'k');
  const isRight = await spool.verify(head, new AbortController().signal);
  const hash = createHash('sha256');
  for await (const chunk of spool.attachment(head)?.open(0) ?? []) hash.update(chunk);
  await spool.settle(head);
  const grownMib = Math.round((process.resourceUsage().maxRSS - before) / 1_024);
  return { grownMib, sha256: isRight ? hash.digest('hex') : 'wrong', recorded: head.attachment?.sha256 };
}

const dir = mkdtempSync(join(tmpdir(), 'sallyport-spool-'));
try {
  process.stdout.write(`${JSON.stringify(await probe(dir, Number(process.argv[2])))}\n`);
} finally {
  rmSync(dir, { recursive: true });
}
