import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { packEach } from '#spool/segments/line-buffer.ts';
import type { BatchRange } from '#spool/segments/range.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { append, documentsOf, FakeServer, openStore, SEGMENTS, sendAll } from '#test/support/documents-rig.ts';
import { OUTBOX } from '#test/support/spool-rig.ts';

const refused = coded('TCP-REFUSED', { host: 'x', port: 1, elapsed: 1 });
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, n) => n + from);
const segments = async (files: CrashingFiles) => (await files.list(SEGMENTS)).map((name) => name.split('.')[1]);

function rangeOf({ documents }: Awaited<ReturnType<typeof openStore>>, at = 0): BatchRange {
  const [head] = documents.batches.list().slice(at);
  if (head === undefined) throw new Error('no batch');
  const { key } = head.head;
  return { segment: key, offset: 0, length: head.content?.bytes ?? 0, documents: head.content?.items ?? 0, sha256: '' };
}

describe('documents', () => {
  it('documents: arrive once, in order, as they were handed in, and leave no file', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    expect(await append(made, 1, 2)).toMatchObject({ documents: 2 });
    await append(made, 3);
    expect(made.documents.waiting).toMatchObject({ documents: 3, oldestAtMs: made.clock.now() });
    await made.documents.seal();
    const server = new FakeServer();
    await sendAll(made, server);

    expect([...server.kept.values()]).toEqual([1, 2, 3]);
    expect([...server.kept.keys()]).toEqual([...server.kept.keys()].toSorted());
    expect(made.documents.waiting).toEqual({ documents: 0, bytes: 0, oldestAtMs: null });
    expect(await segments(files)).toEqual([]);
    expect(made.events).toEqual([]);
  });

  it('documents: one fsync acknowledges all that wait', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    files.arm({});
    await Promise.all(numbers(500).map((n) => append(made, n)));
    const syncs = files.trace.filter(({ operation }) => operation === 'sync').length;
    expect(syncs).toBeLessThanOrEqual(2);
    expect(made.documents.waiting.documents).toBe(500);
  });

  it('documents: survive a power cut once acknowledged, also in a segment that was never sealed', async () => {
    const files = new CrashingFiles();
    await append(await openStore(files), ...numbers(5));
    const made = await openStore(files.afterCrash('power-lost'));
    expect(made.documents.waiting.documents).toBe(5);
    const server = new FakeServer();
    await sendAll(made, server);
    expect(server.numbers).toEqual(numbers(5));
  });

  it('documents: a source that fails, or a document of two lines, refuses the whole submission', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    const broken = async function* () {
      yield* packEach(documentsOf(1, 2));
      await Promise.reject(new Error('line 3 is no JSON'));
    };
    await expect(made.documents.append({ documents: broken() })).rejects.toThrow('line 3');
    const twoLines = [Buffer.from('{"n":1}'), Buffer.from('{\n}')];
    await expect(made.documents.append({ documents: twoLines })).rejects.toThrow(TypeError);
    expect(await made.documents.append({ documents: [] })).toEqual({ documents: 0, bytes: 0 });
    expect(made.documents.waiting).toEqual({ documents: 0, bytes: 0, oldestAtMs: null });
    expect(await segments(files)).toEqual([]);
  });

  it('documents: a submission with an identity gets the same ids again', async () => {
    const made = await openStore(new CrashingFiles());
    const identity = { key: 'drop:1001:report.json:77', atMs: made.clock.now() };
    await made.documents.append({ documents: documentsOf(1, 2), identity });
    made.clock.advance(5_000);
    await made.documents.append({ documents: documentsOf(1, 2), identity });
    await made.documents.append({ documents: documentsOf(3), identity: { ...identity, key: 'drop:1001:b:78' } });
    await made.documents.seal();
    const server = new FakeServer();
    await sendAll(made, server);
    expect(server.requests).toEqual([5]);
    expect(server.numbers).toEqual([1, 2, 3]);
  });
});

describe('sealing', () => {
  it('sealing: by time, once nothing else is due; an outage makes one batch and not one a second', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    let queued = 0;
    made.documents.onQueued(() => {
      queued += 1;
    });
    await append(made, 1);
    await made.clock.advanceAsync(9_999);
    expect(queued).toBe(0);
    await made.clock.advanceAsync(1);
    expect([queued, made.documents.batches.size]).toEqual([1, 1]);

    made.documents.batches.hold(3_600_000);
    for (const n of numbers(60)) {
      await append(made, n);
      await made.clock.advanceAsync(30_000);
    }
    expect(made.documents.batches.size).toBe(1);
    made.documents.batches.hold(0);
    await sendAll(made, new FakeServer());
    await made.clock.advanceAsync(0);
    expect([queued, made.documents.batches.size]).toEqual([2, 1]);
    expect(made.documents.waiting.documents).toBe(60);
    await made.documents.close();
    expect(made.clock.pending).toBe(0);
  });

  it('sealing: a held batch does not keep others waiting', async () => {
    const made = await openStore(new CrashingFiles());
    await append(made, 1);
    await made.documents.seal();
    await sendAll(made, new FakeServer(), { decide: () => ({ does: 'hold', failure: refused, says: [] }) });
    await append(made, 2);
    await made.clock.advanceAsync(10_000);
    const server = new FakeServer();
    await sendAll(made, server);
    expect(server.numbers).toEqual([2]);
    expect(made.documents.batches.list()).toMatchObject([{ head: { held: true }, content: { items: 1 } }]);
  });

  it('sealing: by size, at the border of a submission', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    const large = 'x'.repeat(900_000);
    for (const n of numbers(10)) await append(made, `${n}${large}`);
    await made.clock.advanceAsync(0);
    expect(made.documents.batches.list()).toMatchObject([{ content: { items: 9 } }]);
    expect(made.documents.waiting.documents).toBe(10);
  });
});

describe('a large submission', () => {
  const large = (count: number) => ({
    documents: documentsOf(...numbers(count).map((n) => `${n}.${'y'.repeat(99_000)}`)),
  });

  it('large submission: has segments of its own, whole or not at all', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    expect(await made.documents.append(large(200))).toMatchObject({ documents: 200 });
    await made.documents.seal();
    expect(await segments(files)).toEqual(['queued', 'queued', 'queued']);
    const server = new FakeServer();
    await sendAll(made, server);
    expect(server.kept.size).toBe(200);
    expect(Math.max(...server.requests)).toBeLessThanOrEqual(10);

    const broken = async function* () {
      yield* packEach(large(50).documents);
      await Promise.reject(new Error('line 51 is no JSON'));
    };
    await expect(made.documents.append({ documents: broken() })).rejects.toThrow('line 51');
    expect(await segments(files)).toEqual([]);
    expect(made.documents.waiting.documents).toBe(0);
  });

  it('large submission: a full spool refuses it while it streams, and keeps what waits', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files, { quota: { bytes: 5_000_000, documents: 100 } });
    await append(made, 1);
    await expect(made.documents.append(large(60))).rejects.toMatchObject({ code: 'SPOOL-FULL' });
    expect(await segments(files)).toEqual(['segment']);
    expect(made.documents.waiting.documents).toBe(1);
    expect(await made.documents.append(large(20))).toMatchObject({ documents: 20 });
  });
});

describe('the quota of documents', () => {
  it('quota: counts documents, and refuses a submission before a byte is written', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files, { quota: { documents: 3 } });
    await append(made, 1, 2);
    files.arm({});
    await expect(append(made, 3, 4)).rejects.toMatchObject({
      code: 'SPOOL-FULL',
      facts: { count: 2, entries: 3, key: 'the submission' },
    });
    expect(files.trace).toEqual([]);
    await append(made, 3);
    const again = await openStore(files.afterCrash('killed'), { quota: { documents: 3 } });
    await expect(append(again, 4)).rejects.toMatchObject({ code: 'SPOOL-FULL' });
    await sendAll(again, new FakeServer());
    await append(again, 4);
  });

  it('quota: counts bytes on disk, and submissions that are still coming in', async () => {
    const made = await openStore(new CrashingFiles(), { quota: { bytes: 1_000 } });
    const outcomes = await Promise.allSettled(numbers(20).map((n) => append(made, n)));
    const accepted = outcomes.filter(({ status }) => status === 'fulfilled').length;
    expect(accepted).toBeGreaterThan(5);
    expect(accepted).toBeLessThan(12);
    expect(made.documents.waiting.documents).toBe(accepted);
    expect(made.documents.waiting.bytes).toBeLessThanOrEqual(1_000);
  });
});

describe('batches', () => {
  it('batches: a range over the limits is cut when its turn comes, older documents first', async () => {
    const made = await openStore(new CrashingFiles());
    for (const from of [0, 250]) {
      await append(made, ...numbers(250, from));
      await made.documents.seal();
    }
    const order: number[] = [];
    const server = new FakeServer();
    await sendAll(made, server, {
      limit: 100,
      decide: ({ documents }) => {
        order.push(documents);
        return server.requests.length === 1
          ? { does: 'postpone', failure: refused, holds: true, says: () => [] }
          : null;
      },
    });
    expect(order).toEqual([100, 100]);
    expect(made.documents.batches.list().map(({ content }) => content?.items)).toEqual([100, 50, 250]);
    made.clock.advance(60_000);
    const again = new FakeServer();
    await sendAll(made, again, { limit: 100 });
    expect([...again.kept.values()]).toEqual(numbers(400, 100));
  });

  it('batches: tiny limits make at most 64 parts at a time', async () => {
    const made = await openStore(new CrashingFiles());
    await append(made, ...numbers(200));
    await made.documents.seal();
    let most = 0;
    const server = new FakeServer();
    await sendAll(made, server, {
      limit: 1,
      decide: () => {
        most = Math.max(most, made.documents.batches.size);
        return null;
      },
    });
    expect(most).toBe(64);
    expect([...server.kept.values()]).toEqual(numbers(200));
  });

  it('batches: halves isolate a refused document, which is kept with its reason', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    await append(made, ...numbers(9));
    await made.documents.seal();
    const server = new FakeServer();
    await sendAll(made, server, {
      decide: async (range) => {
        const ids = new Map<string, string>();
        for await (const { id, line } of made.documents.lines(range)) {
          const { document } = JSON.parse(Buffer.from(line).toString()) as { document: { n: number } };
          if (document.n === 4) ids.set(id, 'n must not be "4"');
        }
        if (ids.size === 0) return null;
        if (range.documents > 1) return { does: 'split', parts: await made.documents.halve(range), says: [] };
        const evidence = made.documents.evidence(range, ids);
        return { does: 'reject', failure: refused, reason: 'n must not be "4"', evidence, says: [] };
      },
    });
    expect(server.numbers).toEqual([0, 1, 2, 3, 5, 6, 7, 8]);
    expect(await segments(files)).toEqual([]);
    const [rejected] = await made.documents.batches.listRejected();
    expect(rejected).toMatchObject({ reason: 'n must not be "4"', body: { documents: 1 } });
    const chunks: Uint8Array[] = [];
    for await (const chunk of rejected?.attachment?.open(0) ?? []) chunks.push(Buffer.from(chunk));
    expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject({
      reason: 'n must not be "4"',
      line: { document: { n: 4 } },
    });
  });

  it('batches: a body can be read from any offset through one buffer', async () => {
    const made = await openStore(new CrashingFiles());
    await append(made, 'a'.repeat(200_000), 'b'.repeat(100_000));
    await made.documents.seal();
    const body = made.documents.body(rangeOf(made));
    const buffers = new Set<ArrayBufferLike>();
    const read = async (offset: number) => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of body.open(offset)) {
        buffers.add(chunk.buffer);
        chunks.push(Buffer.from(chunk));
      }
      return Buffer.concat(chunks);
    };
    const whole = await read(0);
    expect([whole.length, buffers.size]).toEqual([body.length, 1]);
    expect((await read(150_001)).equals(whole.subarray(150_001))).toBe(true);
    expect((await read(body.length)).length).toBe(0);
  });

  it('batches: a dropped one is gone, and its segment with it', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    await append(made, 1);
    await made.documents.seal();
    const [entry] = made.documents.batches.list();
    expect(entry && (await made.documents.batches.drop(entry.head))).toBe(true);
    expect(await segments(files)).toEqual([]);
    expect(made.documents.waiting.documents).toBe(0);
  });
});

describe('a damaged segment', () => {
  it('damaged segment: a range with another digest is set aside, and the others are sent', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    await append(made, ...numbers(30));
    await append(made, 30);
    await made.documents.seal();
    const [name = ''] = await files.list(SEGMENTS);
    const content = files.content(`${SEGMENTS}/${name}`) ?? Buffer.alloc(0);
    content[content.indexOf('"n":15') + 4] = '9'.charCodeAt(0);
    const server = new FakeServer();
    // The segment was intact when it was cut.
    await sendAll(made, server, {
      limit: 10,
      decide: () => {
        if (server.requests.length === 0) files.plantFile(`${SEGMENTS}/${name}`, content);
        return null;
      },
    });

    expect(server.numbers).toEqual([...numbers(10), ...numbers(11, 20)]);
    expect(made.events).toMatchObject([
      {
        name: 'batch-quarantined',
        error: { code: 'STATE-DAMAGED', facts: { reason: expect.stringContaining('digest') } },
      },
    ]);
    expect(await files.list(`${SEGMENTS}/quarantine`)).toEqual([name.replace('.queued', '.damaged')]);
    expect(await files.list(SEGMENTS)).toEqual(['quarantine']);
    expect([made.documents.quarantined, made.documents.batches.quarantined]).toEqual([1, 1]);
    expect(made.documents.waiting).toMatchObject({ documents: 0, bytes: 0 });
  });

  it.each([
    ['cut', async (files: CrashingFiles, path: string) => files.plantFile(path, '{"id"')],
    ['missing', async (files: CrashingFiles, path: string) => void (await files.remove(path))],
    ['a link', async (files: CrashingFiles, path: string) => files.plantSymlink(path, '/etc/passwd')],
  ])('damaged segment: one that is %s is reported and does not stop others', async (_what, change) => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    await append(made, 1);
    await made.documents.seal();
    const [name = ''] = await files.list(SEGMENTS);
    await append(made, 2);
    await made.documents.seal();
    await change(files, `${SEGMENTS}/${name}`);
    const again = await openStore(files.afterCrash('killed'), { clock: made.clock });
    const server = new FakeServer();
    await sendAll(again, server);
    expect(server.numbers).toEqual([2]);
    expect(again.events).toMatchObject([{ name: 'batch-quarantined', error: { code: 'STATE-DAMAGED' } }]);
    expect(again.documents.waiting.documents).toBe(0);
  });

  it('damaged segment: if a head is lost, the segments stay, and go to quarantine after that', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    for (const n of [1, 2]) {
      await append(made, n);
      await made.documents.seal();
    }
    files.plantFile(`${OUTBOX}/batch/000000000001.json`, 'torn');
    const again = await openStore(files, { clock: made.clock });
    expect(await segments(files)).toEqual(['damaged', 'damaged']);
    const server = new FakeServer();
    await sendAll(again, server);
    expect(server.numbers).toEqual([2]);
    await openStore(files, { clock: made.clock });
    expect((await files.list(`${SEGMENTS}/quarantine`)).length).toBe(2);
  });

  it('damaged segment: zeros amid acknowledged documents do not hide that there were more', async () => {
    const files = new CrashingFiles();
    const made = await openStore(files);
    for (const n of [1, 2, 3]) await append(made, n);
    const [name = ''] = await files.list(SEGMENTS);
    const content = files.content(`${SEGMENTS}/${name}`) ?? Buffer.alloc(0);
    content.fill(0, content.indexOf('"n":2'), content.indexOf('"n":2') + 5);
    files.plantFile(`${SEGMENTS}/${name}`, content);
    const again = await openStore(files);
    const server = new FakeServer();
    await sendAll(again, server);
    expect(server.numbers).toEqual([1]);
    expect(again.events).toMatchObject([{ name: 'batch-quarantined', error: { code: 'STATE-DAMAGED' } }]);
    expect(again.documents.quarantined).toBe(1);
  });

  it('foreign names: they are left alone', async () => {
    const files = new CrashingFiles();
    const id = '0193a5b0-0000-7000-8000-000000000000';
    const foreign = [`${SEGMENTS}/hello.txt`, `${SEGMENTS}/${id}.segment.bak`, `${SEGMENTS}/X${id}.queued`];
    for (const path of foreign) files.plantFile(path, 'mine');
    files.plantFolder(`${SEGMENTS}/${id}.queued`);
    const made = await openStore(files);
    await append(made, 1);
    await made.documents.seal();
    await sendAll(made, new FakeServer());
    expect(foreign.map((path) => String(files.content(path)))).toEqual(foreign.map(() => 'mine'));
    expect(made.events).toEqual([]);
    expect(made.documents.batches.list()).toEqual([]);
  });
});
