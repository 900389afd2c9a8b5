// Documents on a real disk that is full: nothing that was accepted is lost, and it is sent although the disk is still full.

import { mkdir, mkdtemp, readFile, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Origin, startOrigin } from '#origin/server.ts';
import { BALLAST_BYTES } from '#spool/ballast.ts';
import { type DocumentsAgent, openAgent } from '#test/support/documents-agent.ts';
import { describeWith } from '#test/support/real-parts.ts';
import { mountSmallDisk, type SmallDisk } from '#test/support/small-disk.ts';

const DISK_MIB = 16;
const DOCUMENT_BYTES = 2_000;
const SUBMISSION = 300;
/** More than 1 MiB: it has segments of its own. */
const LARGE_SUBMISSION = 600;
const LIMITS = { documents: 500, bytes: 1_048_576 };

let disk: SmallDisk;
let origin: Origin;
let agent: DocumentsAgent;
let outbox: string;
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-full-'));
  const [mounted, served] = [join(folder, 'disk'), join(folder, 'collector')];
  await mkdir(mounted);
  await mkdir(served);
  disk = await mountSmallDisk(mounted, DISK_MIB);
  outbox = join(disk.path, 'outbox');
  origin = await startOrigin({ dir: served });
  agent = await open();
});

afterEach(async () => {
  await agent.close();
  await origin.close();
  disk.keeper.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const open = () => openAgent({ outbox, url: origin.analyticsUrl, limits: LIMITS });

function* documentsOf(from: number, count: number): Generator<Uint8Array> {
  for (let n = from; n < from + count; n += 1) {
    yield Buffer.from(JSON.stringify({ n, text: 'x'.repeat(DOCUMENT_BYTES) }));
  }
}

/** Accepts submissions until one is refused; returns how many documents were accepted. */
async function acceptUntilRefused(): Promise<{ readonly accepted: number; readonly refusal: unknown }> {
  for (let accepted = 0; ; accepted += SUBMISSION) {
    try {
      await agent.documents.append({ documents: documentsOf(accepted, SUBMISSION) });
    } catch (refusal) {
      return { accepted, refusal };
    }
  }
}

async function freeBytes(): Promise<number> {
  const { bavail, bsize } = await statfs(disk.path);
  return bavail * bsize;
}

/** Takes what is left of the disk, as another program would. */
async function fill(name: string): Promise<void> {
  await writeFile(join(disk.path, name), Buffer.alloc(DISK_MIB * 1_048_576)).catch(() => undefined);
  expect(await freeBytes()).toBe(0);
}

async function arrived(): Promise<number[]> {
  const lines = (await readFile(origin.documentsFile, 'utf8')).split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { document: { n: number } }).document.n).toSorted((a, b) => a - b);
}

describeWith(['mounts'], 'documents on a full disk', () => {
  it('full disk: refuses new documents, sends what it has, and accepts again', { timeout: 120_000 }, async () => {
    await origin.close();
    const { accepted, refusal } = await acceptUntilRefused();
    expect(refusal).toMatchObject({ code: 'DISK-FULL' });
    expect(accepted).toBeGreaterThan(3_000);
    await fill('filler-1');
    const large = { documents: documentsOf(accepted, LARGE_SUBMISSION) };
    await expect(agent.documents.append(large)).rejects.toMatchObject({ code: 'DISK-FULL' });
    await agent.documents.seal();
    // Batches are made and cut in the space of the ballast. During the outage, another program takes that as well.
    await agent.send().catch(() => undefined);
    await fill('filler-2');
    expect(agent.documents.waiting.documents).toBe(accepted);

    origin = await startOrigin({ dir: join(folder, 'collector'), port: Number(new URL(origin.url).port) });
    await expect
      .poll(() => agent.send().then(() => agent.documents.waiting), { timeout: 30_000 })
      .toMatchObject({ documents: 0, bytes: 0 });
    expect(await arrived()).toEqual(Array.from({ length: accepted }, (_, n) => n));
    await expect(agent.documents.append({ documents: documentsOf(accepted, 1) })).resolves.toMatchObject({
      documents: 1,
    });
    await agent.close();
    agent = await open();
    expect((await stat(join(outbox, 'ballast'))).size).toBe(BALLAST_BYTES);
    expect(agent.events).toEqual([]);
  });
});
