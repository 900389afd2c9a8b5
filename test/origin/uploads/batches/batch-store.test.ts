import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { BatchHead } from '#origin/uploads/batches/batch-head.ts';
import { BatchStore } from '#origin/uploads/batches/batch-store.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';

const DIR = '/received/analytics';
const LIMITS = { storedDocuments: 100, storedBytes: 100_000, storedBatches: 100 };

const open = (files: CrashingFiles) => BatchStore.open({ files, dir: DIR, limits: LIMITS, reject: () => null });

function batch(name: string, ...ids: string[]): [BatchHead, { id: string; line: Buffer; document: unknown }[], number] {
  const sha256 = Buffer.from(name).toString('hex').padStart(64, '0');
  const lines = ids.map((id) => ({ id, line: Buffer.from(`${JSON.stringify({ id, document: 1 })}\n`), document: 1 }));
  return [{ batch: name, agent: 'a', sha256, documents: ids.length, coding: 'none' }, lines, 0];
}

const documentsIn = (files: CrashingFiles) =>
  (files.content(join(DIR, 'documents.ndjson'))?.toString() ?? '')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as { id: string }).id);

async function folder(): Promise<CrashingFiles> {
  const files = new CrashingFiles();
  await files.makeDirectory(DIR, 0o700);
  return files;
}

describe('the store of batches', () => {
  it('batch store: an acknowledged batch is there once and whole, wherever the server crashes', async () => {
    let receipts: string[] = [];
    const trials = await everyCrash({
      prepare: async () => {
        receipts = [];
        return await folder();
      },
      act: async (files) => {
        const store = await open(files);
        for (const [name, ids] of [
          ['b1', ['d1', 'd2']],
          ['b2', ['d2', 'd3']],
        ] as const) {
          await store.accept(...batch(name, ...ids));
          receipts.push(name);
        }
        await store.close();
      },
      check: async ({ files }) => {
        const store = await open(files);
        const known = store.recent.map((one) => one.batch);
        expect(known).toEqual(['b1', 'b2'].slice(0, known.length));
        expect(known.length).toBeGreaterThanOrEqual(receipts.length);
        expect(documentsIn(files)).toEqual([[], ['d1', 'd2'], ['d1', 'd2', 'd3']][known.length]);
        // The agent repeats whatever it has no receipt for.
        const again = [await store.accept(...batch('b1', 'd1', 'd2')), await store.accept(...batch('b2', 'd2', 'd3'))];
        expect(again.map(({ kind }) => kind)).toEqual(
          ['b1', 'b2'].map((one) => (known.includes(one) ? 'again' : 'stored')),
        );
        expect(documentsIn(files)).toEqual(['d1', 'd2', 'd3']);
      },
    });
    expect(trials).toBeGreaterThan(50);
  });

  it('batch store: nothing of a failed batch stays, and a repetition is stored', async () => {
    const rehearsal = await folder();
    const store = await open(rehearsal);
    rehearsal.arm({});
    await store.accept(...batch('b1', 'd1'));
    const steps = [...rehearsal.trace];
    let failures = 0;
    expect(steps.map(({ operation }) => operation)).toContain('sync');
    for (const { n } of steps) {
      const files = await folder();
      const failing = await open(files);
      const error = Object.assign(new Error('no space'), { code: 'ENOSPC' });
      files.arm({ failAt: { n, error } });
      await failing.accept(...batch('b1', 'd1')).catch(() => {
        failures += 1;
      });
      files.arm({});
      // Another batch is written over what the failed one left.
      await failing.accept(...batch('b2', 'd2', 'd3'));
      await failing.accept(...batch('b1', 'd1'));
      const reopened = await open(files.afterCrash('killed'));
      expect([reopened.size, new Set(reopened.recent.map((one) => one.batch))]).toEqual([3, new Set(['b1', 'b2'])]);
      expect(documentsIn(files).sort()).toEqual(['d1', 'd2', 'd3']);
    }
    expect([failures, steps.length > 3]).toEqual([steps.length, true]);
  });

  it('batch store: files that are foreign or have lost documents are not opened', async () => {
    const foreign = await folder();
    const file = await foreign.create(join(DIR, 'batches.jsonl'), 0o600);
    file.write(Buffer.from('{"batch":"b1"}\n'), 0);
    await expect(open(foreign)).rejects.toThrow('has a line at byte 0 that is not a batch');
    const lost = await folder();
    const store = await open(lost);
    await store.accept(...batch('b1', 'd1'));
    await (await lost.openToWrite(join(DIR, 'documents.ndjson'))).truncate(3);
    await expect(open(lost)).rejects.toThrow('documents.ndjson has 3 bytes');
  });

  it('batch store: batches that are too old for the record still have their receipt', async () => {
    const files = await folder();
    const store = await BatchStore.open({
      files,
      dir: DIR,
      limits: { ...LIMITS, storedDocuments: 2_000, storedBatches: 2_000, storedBytes: 1_000_000 },
      reject: () => null,
    });
    for (let n = 0; n <= 1_000; n += 1) await store.accept(...batch(`b${n}`, `d${n}`));
    expect([store.recent.length, store.recent[0]?.batch]).toEqual([1_000, 'b1']);
    expect(await store.accept(...batch('b0', 'd0'))).toMatchObject({ kind: 'again', receipt: { batch: 'b0' } });
  });
});
