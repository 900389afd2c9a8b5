// The store of documents at every crash, every failed operation and every full disk.

import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { CrashingFiles, crashPoints } from '#test/support/crashing-files.ts';
import { append, FakeServer, type OpenedDocuments, openStore, SEGMENTS, sendAll } from '#test/support/documents-rig.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { OUTBOX } from '#test/support/spool-rig.ts';

/** A document takes about 110 bytes. */
const SIZES = { segment: 350, shared: 250 };
/** The last one is too large to share a segment, and takes two. */
const SUBMISSIONS = [[1, 2], [3], [4, 5, 6, 7]];

/** What happened outside of the disk. */
interface World {
  readonly clock: FakeClock;
  readonly server: FakeServer;
  readonly acknowledged: Set<number>;
}

const newWorld = (): World => ({ clock: new FakeClock(), server: new FakeServer(), acknowledged: new Set() });
const open = (files: CrashingFiles, { clock }: World) => openStore(files, { clock, sizes: SIZES });

async function submit(made: OpenedDocuments, world: World, submission: readonly number[]): Promise<void> {
  await append(made, ...submission);
  for (const n of submission) world.acknowledged.add(n);
}

/** Sends everything that is left, over a restart. */
async function drain(files: CrashingFiles, world: World): Promise<OpenedDocuments> {
  const made = await open(files, world);
  await made.documents.seal();
  await sendAll(made, world.server, { limit: 2 });
  return made;
}

async function checkNothingLost(files: CrashingFiles, world: World): Promise<void> {
  const made = await drain(files, world);
  const { numbers } = world.server;
  expect(numbers).toEqual([...new Set(numbers)]);
  expect(numbers).toEqual(expect.arrayContaining([...world.acknowledged]));
  for (const submission of SUBMISSIONS) {
    const arrived = submission.filter((n) => numbers.includes(n));
    expect([0, submission.length]).toContain(arrived.length);
  }
  expect(made.events).toEqual([]);
  expect(made.documents.waiting).toEqual({ documents: 0, bytes: 0, oldestAtMs: null });
  expect(await files.list(SEGMENTS)).toEqual([]);
  const left = (await files.list(`${OUTBOX}/batch`)).filter((name) => name !== 'settled.log');
  expect(left).toEqual([]);
}

describe('a crash of the store of documents', () => {
  it('crash: in an append, a large submission or a seal it loses and doubles nothing', async () => {
    let world = newWorld();
    const trials = await everyCrash({
      prepare: async () => {
        world = newWorld();
        const files = new CrashingFiles();
        await open(files, world);
        return files;
      },
      act: async (files) => {
        const made = await open(files, world);
        for (const submission of SUBMISSIONS) await submit(made, world, submission);
        await made.documents.seal();
      },
      check: ({ files }) => checkNothingLost(files, world),
    });
    expect(trials).toBeGreaterThan(200);
  });

  it('crash: in a cut, a settle or the end of a segment it loses and doubles nothing', async () => {
    let world = newWorld();
    const trials = await everyCrash({
      prepare: async () => {
        world = newWorld();
        const files = new CrashingFiles();
        const made = await open(files, world);
        await submit(made, world, [1, 2]);
        await submit(made, world, [3]);
        await made.documents.seal();
        return files;
      },
      act: async (files) => void (await drain(files, world)),
      outside: () => world.server.requests.length,
      check: ({ files }) => checkNothingLost(files, world),
    });
    expect(trials).toBeGreaterThan(100);
  });
});

describe('a failed operation of the store of documents', () => {
  it.each([
    ['DISK-FULL', 'ENOSPC'],
    ['FILE-FAILED', 'EIO'],
  ] as const)('failed operation: %s refuses the submission visibly, and nothing of it is sent', async (code, errno) => {
    const act = async (files: CrashingFiles, world: World) => {
      const made = await open(files, world);
      const failures: unknown[] = [];
      for (const submission of SUBMISSIONS) {
        await submit(made, world, submission).catch((thrown: unknown) => failures.push(thrown));
      }
      await made.documents.seal().catch(() => undefined);
      return { made, failures };
    };
    const rehearsal = new CrashingFiles();
    await act(rehearsal, newWorld());
    let refused = 0;
    for (const n of crashPoints(rehearsal.trace)) {
      const files = new CrashingFiles();
      const world = newWorld();
      const error = coded(code, { operation: 'write', path: 'x', reason: errno, errno });
      files.arm({ failAt: { n, error } });
      const done = await act(files, world).catch(() => null);
      if (done === null) continue;
      refused += done.failures.length;
      expect(done.failures.every((failure) => failure === error)).toBe(true);
      world.clock.advance(60_000);
      await done.made.documents.seal();
      const accepted = [...world.acknowledged].toSorted((a, b) => a - b);
      expect(done.made.documents.waiting.documents).toBe(accepted.length);
      await sendAll(done.made, world.server, { limit: 2 });
      expect(world.server.numbers, rehearsal.trace[n - 1]?.path).toEqual(accepted);
      await drain(files.afterCrash('power-lost'), world);
      expect(world.server.numbers).toEqual(accepted);
    }
    expect(refused).toBeGreaterThan(5);
  });
});

describe('a full disk', () => {
  const bytesOf = (files: CrashingFiles) =>
    files.names().reduce((sum, name) => sum + (files.content(name)?.length ?? 0), 0);

  it('full disk: batches are cut, sent and settled, new input is refused, and space returns', async () => {
    const files = new CrashingFiles();
    const world = newWorld();
    const made = await open(files, world);
    for (const submission of SUBMISSIONS) await submit(made, world, submission);
    await made.documents.seal();
    files.arm({ fullAfterBytes: bytesOf(files) });
    await expect(append(made, 8)).rejects.toMatchObject({ code: 'DISK-FULL' });
    await expect(append(made, 8, 9, 10, 11)).rejects.toMatchObject({ code: 'DISK-FULL' });
    await sendAll(made, world.server, { limit: 1 });

    expect(world.server.numbers).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(made.documents.waiting.documents).toBe(0);
    await expect(append(made, 8)).resolves.toMatchObject({ documents: 1 });
  });

  it('full disk: at any byte a submission is whole or refused', async () => {
    for (let more = 0; more < 1_200; more += 50) {
      const files = new CrashingFiles();
      const world = newWorld();
      const made = await open(files, world);
      files.arm({ fullAfterBytes: bytesOf(files) + more });
      for (const submission of SUBMISSIONS) await submit(made, world, submission).catch(() => undefined);
      const accepted = [...world.acknowledged];
      await drain(files.afterCrash('killed'), world);
      expect(world.server.numbers).toEqual(accepted);
    }
  });
});

describe('the start', () => {
  it('start: reads no segment that has a batch, however many documents wait', async () => {
    const files = new CrashingFiles();
    const world = newWorld();
    const made = await open(files, world);
    for (let n = 0; n < 12; n += 1) {
      await append(made, n);
      await made.documents.seal();
    }
    files.arm({});
    const again = await open(files, world);
    expect(again.documents.waiting.documents).toBe(12);
    expect(files.trace.filter(({ operation, path }) => operation === 'read' && path.startsWith(SEGMENTS))).toEqual([]);
  });
});
