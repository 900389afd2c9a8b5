// What `sallyport queue` reads and changes, over real spools on a disk of tests.

import { describe, expect, it } from 'vitest';
import { LastFailures } from '#daemon/answers/last-failures.ts';
import { dropEntry, findEntry, listQueue, retryEntries, verifyEntries } from '#daemon/answers/queue.ts';
import { describeEntry } from '#daemon/answers/queue-detail.ts';
import type { OpenKind } from '#daemon/uploads/kinds.ts';
import { coded } from '#errors/coded-error.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { attachmentOf, kindOf, OUTBOX, openKind } from '#test/support/spool-rig.ts';

const NEVER = new AbortController().signal;
const HOUR_MS = 3_600_000;

/** Two kinds: receipts `aaaa1`, `aaaa2` and a batch `bbbb1`; `retried` lists the kinds that a retry was reported to. */
async function rig(files = new CrashingFiles()) {
  const clock = new FakeClock();
  const events: unknown[] = [];
  const retried: string[] = [];
  const kindFor = async (name: string): Promise<OpenKind> => {
    const { spool } = await openKind(files, kindOf(name), { clock });
    const { entries, bytes } = spool.kind.quota;
    return {
      name,
      title: name,
      purpose: name === 'receipt' ? 'updates' : 'exposure_analytics',
      spool,
      usage: () => ({
        items: spool.size,
        bytes: spool.bytes,
        limit: { items: entries, bytes },
        oldestAtMs: spool.oldestAt(),
      }),
      retried: () => void retried.push(name),
    };
  };
  const [receipt, batch] = [await kindFor('receipt'), await kindFor('batch')];
  await receipt.spool.accept({ key: 'aaaa1', body: { id: '1602503' } });
  await receipt.spool.accept({ key: 'aaaa2', body: { id: 'u2' } });
  await batch.spool.accept({ key: 'bbbb1', body: { id: 'b' }, attachment: attachmentOf('b', 500) });
  const kinds = [receipt, batch] as const;
  return { files, clock, kinds, receipt: receipt.spool, batch: batch.spool, events, retried };
}

function headIn(kind: OpenKind['spool'], key: string) {
  const head = kind.find(key);
  if (head === null) throw new Error(`${key} does not wait`);
  return head;
}

describe('queue ls', () => {
  it('queue ls: shows the state of each entry, and how full each kind is', async () => {
    const { kinds, clock, receipt, batch } = await rig();
    const start = clock.now();
    await receipt.postpone(headIn(receipt, 'aaaa1'), { notBefore: start + HOUR_MS, error: 'TCP-REFUSED' });
    await batch.keepHeld(headIn(batch, 'bbbb1'), 'CONTENT-BLOCKED');
    clock.advance(60_000);

    const list = await listQueue(kinds, clock);

    expect(
      list.kinds.map(({ kind, unit, waiting, quota, held }) => [kind, unit, waiting.items, quota.items, held]),
    ).toEqual([
      ['receipt', 'receipts', 2, 100, 0],
      ['batch', 'documents', 1, 100, 1],
    ]);
    expect(list.kinds[0]?.oldest).toBe(new Date(start).toISOString());
    expect(list.kinds.flatMap(({ entries }) => entries)).toMatchObject([
      {
        id: 'aaaa1',
        state: 'waiting',
        attempts: 1,
        next_try: new Date(start + HOUR_MS).toISOString(),
        last_failure: { code: 'TCP-REFUSED' },
      },
      { id: 'aaaa2', state: 'due', attempts: 0, next_try: null, last_failure: null },
      { id: 'bbbb1', state: 'held', next_try: null, last_failure: { code: 'CONTENT-BLOCKED' } },
    ]);
  });

  it('queue ls: shows rejected entries after those that wait', async () => {
    const { kinds, clock, receipt } = await rig();
    await receipt.reject(headIn(receipt, 'aaaa1'), 'no such update');

    const [row] = (await listQueue(kinds, clock)).kinds;

    expect(row).toMatchObject({ rejected: 1, waiting: { items: 1 }, omitted: 0 });
    expect(row?.entries.map(({ id, state }) => [id, state])).toEqual([
      ['aaaa2', 'due'],
      ['aaaa1', 'rejected'],
    ]);
  });
});

describe('an entry of the queue', () => {
  it('queue entry: is found by its kind and id, its id, or the beginning of its id', async () => {
    const { kinds } = await rig();
    for (const [kind, id] of [
      ['batch', 'bbbb1'],
      [null, 'bbbb1'],
      [null, 'bbbb'],
    ] as const) {
      expect((await findEntry(kinds, { kind, id })).listed?.head.key).toBe('bbbb1');
    }
  });

  it.each([
    ['zzzz', null, 'QUEUE-UNKNOWN'],
    ['bbb', null, 'QUEUE-UNKNOWN'],
    ['bbbb1', 'receipt', 'QUEUE-UNKNOWN'],
    ['aaaa', null, 'QUEUE-AMBIGUOUS'],
    ['aaaa1', 'parcel', 'QUEUE-KIND'],
  ])('queue entry: %s of kind %s is %s', async (id, kind, code) => {
    const { kinds } = await rig();
    await expect(findEntry(kinds, { kind, id })).rejects.toMatchObject({ code });
  });
});

describe('queue retry', () => {
  it('queue retry: makes a held and a waiting entry due, and tells their kinds', async () => {
    const { kinds, clock, receipt, batch, retried } = await rig();
    await receipt.postpone(headIn(receipt, 'aaaa1'), { notBefore: clock.now() + HOUR_MS, error: 'X' });
    await batch.keepHeld(headIn(batch, 'bbbb1'), 'CONTENT-BLOCKED');
    batch.hold(HOUR_MS);

    expect(await retryEntries(kinds, { kind: null, id: null })).toEqual([
      { kind: 'receipt', entries: 2 },
      { kind: 'batch', entries: 1 },
    ]);
    expect(receipt.waitMs()).toBe(0);
    expect(batch.waitMs()).toBe(0);
    expect(retried).toEqual(['receipt', 'batch']);
  });

  it('queue retry: with a kind or an id leaves the others as they are', async () => {
    const { kinds, clock, receipt, batch } = await rig();
    const notBefore = clock.now() + HOUR_MS;
    for (const key of ['aaaa1', 'aaaa2']) await receipt.postpone(headIn(receipt, key), { notBefore, error: 'X' });
    await batch.keepHeld(headIn(batch, 'bbbb1'), 'X');

    expect(await retryEntries(kinds, { kind: null, id: 'aaaa2' })).toEqual([{ kind: 'receipt', entries: 1 }]);
    expect(receipt.due(clock.now()).map(({ key }) => key)).toEqual(['aaaa2']);
    expect(await retryEntries(kinds, { kind: 'batch', id: null })).toEqual([{ kind: 'batch', entries: 1 }]);
    expect(batch.due(clock.now())).toHaveLength(1);
  });

  it('queue retry: refuses an entry that the server rejected', async () => {
    const { kinds, receipt } = await rig();
    await receipt.reject(headIn(receipt, 'aaaa1'), 'no such update');
    await expect(retryEntries(kinds, { kind: null, id: 'aaaa1' })).rejects.toMatchObject({ code: 'QUEUE-REJECTED' });
  });
});

describe('queue drop', () => {
  it('queue drop: the entry is gone after a restart, and the log says so', async () => {
    const { files, kinds, clock, batch, events } = await rig();
    const report = (event: unknown) => void events.push(event);

    await dropEntry(kinds, { kind: 'batch', id: 'bbbb1' }, { clock, report });

    expect(batch.size).toBe(0);
    expect(events).toMatchObject([{ name: 'queue-dropped', kind: 'batch', id: 'bbbb1', attempts: 0 }]);
    const { spool } = await openKind(files.afterCrash('power-lost'), kindOf('batch'), { clock });
    expect(spool.size).toBe(0);
    expect(await spool.accept({ key: 'bbbb1', body: { id: 'b' } })).toBe('already');
  });

  it('queue drop: takes only a whole id, so that no other entry is dropped', async () => {
    const { kinds, clock, batch } = await rig();
    const dropping = dropEntry(kinds, { kind: 'batch', id: 'bbbb' }, { clock, report: () => undefined });
    await expect(dropping).rejects.toMatchObject({ code: 'QUEUE-UNKNOWN' });
    expect(batch.size).toBe(1);
  });
});

describe('queue verify', () => {
  it('queue verify: sets a damaged entry aside and names it; the others are intact', async () => {
    const { files, kinds, batch } = await rig();
    const attachment = files.names().find((name) => name.endsWith('.attachment')) ?? '';
    expect(attachment).toContain(`${OUTBOX}/batch/`);
    files.plantFile(attachment, 'other bytes', { mode: 0o400 });

    expect(await verifyEntries(kinds, null, NEVER)).toEqual([
      { kind: 'receipt', id: 'aaaa1', outcome: 'intact' },
      { kind: 'receipt', id: 'aaaa2', outcome: 'intact' },
      { kind: 'batch', id: 'bbbb1', outcome: 'damaged' },
    ]);
    expect(batch).toMatchObject({ size: 0, quarantined: 1 });
    expect(await verifyEntries(kinds, 'batch', NEVER)).toEqual([]);
  });

  it('queue verify: an entry that is sent meanwhile is not reported as damaged', async () => {
    const { kinds, receipt } = await rig();
    const verifying = verifyEntries(kinds, 'receipt', NEVER);
    await receipt.settle(headIn(receipt, 'aaaa2'));
    expect(await verifying).toEqual([{ kind: 'receipt', id: 'aaaa1', outcome: 'intact' }]);
  });
});

describe('queue show', () => {
  const outcomes = (failed: unknown = null) =>
    ({ of: () => ({ succeeded_at: null, failed }) }) as unknown as Parameters<typeof describeEntry>[1]['outcomes'];
  const redactor = { redact: (text: string) => text.replaceAll('s3cret', '***') };

  it('queue show: has the last failure in words, redacted, and the facts of the entry', async () => {
    const { kinds, clock, receipt } = await rig();
    const failures = new LastFailures(redactor);
    const error = coded('BAD-RESPONSE', { url: 'https://x.example', reason: 'token s3cret' });
    failures.update({ name: 'receipt-failed', id: '1602503', outcome: 'published', error, hop: null });
    await receipt.postpone(headIn(receipt, 'aaaa1'), { notBefore: clock.now() + HOUR_MS, error: error.code });

    const detail = await describeEntry(await findEntry(kinds, { kind: null, id: 'aaaa1' }), {
      clock,
      outcomes: outcomes(),
      failures,
    });

    expect(detail).toMatchObject({ entry: { state: 'waiting' }, facts: { id: '1602503' }, documents: [] });
    expect(detail.failure?.message).toContain('***');
    expect(JSON.stringify(detail)).not.toContain('s3cret');
  });

  it('queue show: after a restart gives the advice of the code alone', async () => {
    const { kinds, clock, batch } = await rig();
    await batch.keepHeld(headIn(batch, 'bbbb1'), 'UPLOAD-GONE');

    const detail = await describeEntry(await findEntry(kinds, { kind: 'batch', id: 'bbbb1' }), {
      clock,
      outcomes: outcomes(),
      failures: new LastFailures(redactor),
      documentIds: (_body, most) => Promise.resolve(['d1', 'd2'].slice(0, most)),
    });

    expect(detail.failure).toEqual({
      message: null,
      hop: null,
      check: expect.stringContaining('A new upload is started.'),
    });
    expect(detail.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(detail.documents).toEqual([
      { id: 'd1', reason: null },
      { id: 'd2', reason: null },
    ]);
  });

  it('queue show: of a rejected batch names the documents with the reasons, without content', async () => {
    const { kinds, clock, batch } = await rig();
    await batch.accept({ key: 'cccc1', body: { id: 'c' } });
    const lines =
      '{"id":"d1","reason":"too old","line":{"document":"private"}}\nnot json\n{"id":"d2","reason":"bad","line":{}}\n';
    const evidence = {
      open: async function* () {
        yield await Promise.resolve(Buffer.from(lines));
      },
    };
    await batch.reject(headIn(batch, 'cccc1'), '2 of 9 documents', evidence);

    const detail = await describeEntry(await findEntry(kinds, { kind: null, id: 'cccc1' }), {
      clock,
      outcomes: outcomes(),
      failures: new LastFailures(redactor),
    });

    expect(detail).toMatchObject({ reason: '2 of 9 documents', entry: { state: 'rejected' } });
    expect(detail.documents).toEqual([
      { id: 'd1', reason: 'too old' },
      { id: 'd2', reason: 'bad' },
    ]);
    expect(JSON.stringify(detail)).not.toContain('private');
  });
});
