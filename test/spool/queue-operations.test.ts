// What `sallyport queue` needs of a spool: lists, single entries, retry, drop, held entries, evidence of rejections.

import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { deliver } from '#spool/delivery.ts';
import type { EntryHead, SpoolKind } from '#spool/spool.ts';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import {
  attachmentOf,
  contentOf,
  headOf,
  keysOf,
  kindOf,
  type Named,
  type OpenedSpool,
  OUTBOX,
  openKind,
  readAttachment,
} from '#test/support/spool-rig.ts';

const NEVER = new AbortController().signal;
const LATER_MS = 5_000;

async function opened(
  files = new CrashingFiles(),
  kind: SpoolKind<Named> = kindOf('receipt'),
  clock = new FakeClock(),
) {
  return await openKind(files, kind, { clock });
}

/** The head of an entry, held or not. */
function waitingHead({ spool }: OpenedSpool, key: string): EntryHead {
  const head = spool.find(key);
  if (head === null) throw new Error(`${key} does not wait`);
  return head;
}

const give = async ({ spool }: OpenedSpool, ...keys: string[]) => {
  for (const key of keys) await spool.accept({ key, body: { id: key } });
};

describe('queue list', () => {
  it('queue list: shows every entry with its size, and finds one by its key', async () => {
    const made = await opened();
    await give(made, 'a');
    await made.spool.accept({ key: 'b', body: { id: 'b' }, attachment: attachmentOf('b', 500) });
    await made.spool.postpone(headOf(made.spool, 'a'), { notBefore: made.clock.now() + LATER_MS, error: 'X' });

    expect(made.spool.list()).toMatchObject([
      { head: { key: 'a', attempts: 1, postponed: { error: 'X' } }, content: null, isEnding: false },
      { head: { key: 'b', attachment: { length: 500 } }, content: null, isEnding: false },
    ]);
    expect(made.spool.list()[1]?.bytes).toBeGreaterThan(500);
    expect(made.spool.find('b')?.attachment?.length).toBe(500);
    expect(made.spool.find('c')).toBeNull();
    expect(made.spool.some((key) => key === 'a')).toBe(true);
  });

  it('queue list: the oldest entry is the one received first, whatever its place', async () => {
    const made = await opened();
    expect(made.spool.oldestAt()).toBeNull();
    await give(made, 'a');
    await made.spool.accept({ key: 'b', body: { id: 'b' }, acceptedAtMs: 1_000 });
    expect(made.spool.oldestAt()).toBe(1_000);
  });
});

describe('queue retry', () => {
  it('queue retry: an entry is due at once, also after a restart, and the kind no longer waits', async () => {
    const files = new CrashingFiles();
    const made = await opened(files);
    await give(made, 'a');
    await made.spool.postpone(headOf(made.spool, 'a'), { notBefore: made.clock.now() + LATER_MS, error: 'X' });
    made.spool.hold(LATER_MS);
    expect(made.spool.waitMs()).toBe(LATER_MS);

    expect(await made.spool.retry(headOf(made.spool, 'a'))).toBe(true);
    expect(made.spool.waitMs()).toBe(0);
    const again = await opened(files.afterCrash('power-lost'), kindOf('receipt'), made.clock);
    expect(again.spool.list()).toMatchObject([{ head: { attempts: 1, postponed: null } }]);
  });

  it('queue retry: it takes effect on a full disk, and says when the entry has ended', async () => {
    const files = new CrashingFiles();
    const made = await opened(files);
    await give(made, 'a');
    const head = headOf(made.spool, 'a');
    await made.spool.postpone(head, { notBefore: made.clock.now() + LATER_MS, error: 'X' });
    files.arm({ fullAfterBytes: 0 });

    await expect(made.spool.retry(head)).rejects.toMatchObject({ code: 'DISK-FULL' });
    expect(keysOf(made.spool, made.clock.now())).toEqual(['a']);
    files.arm({});
    await made.spool.settle(head);
    expect(await made.spool.retry(head)).toBe(false);
  });
});

describe('queue drop', () => {
  it('queue drop: an entry is gone for good, at any crash, and needs no space', async () => {
    const trials = await everyCrash({
      prepare: async () => {
        const files = new CrashingFiles();
        await give(await opened(files), 'a', 'b');
        return files;
      },
      act: async (files) => {
        const { spool } = await opened(files);
        expect(await spool.drop(headOf(spool, 'a'))).toBe(true);
      },
      faults: { fullAfterBytes: 0 },
      check: async ({ files }) => {
        const { spool } = await opened(files);
        expect(keysOf(spool)).toContain('b');
        if (keysOf(spool).includes('a')) await spool.drop(headOf(spool, 'a'));
        expect(await spool.accept({ key: 'a', body: { id: 'a' } })).toBe('already');
      },
    });
    expect(trials).toBeGreaterThan(5);
  });
});

describe('a held entry', () => {
  it('held entry: never due by itself, also after years and restarts, until it is retried', async () => {
    const files = new CrashingFiles();
    const made = await opened(files);
    await give(made, 'a');
    await made.spool.keepHeld(headOf(made.spool, 'a'), 'CONTENT-BLOCKED');
    const again = await opened(files.afterCrash('power-lost'), kindOf('receipt'), made.clock);
    made.clock.stepWall(1e12);

    for (const { spool } of [made, again]) {
      expect(spool.due(Number.MAX_SAFE_INTEGER)).toEqual([]);
      expect([spool.size, spool.nextDueAt(), spool.waitMs()]).toEqual([1, null, null]);
      expect(spool.lastFailure()?.code).toBe('CONTENT-BLOCKED');
    }
    const head = again.spool.find('a');
    expect(head).toMatchObject({ held: true, attempts: 1 });
    await again.spool.retry(head as NonNullable<typeof head>);
    expect(keysOf(again.spool, made.clock.now())).toEqual(['a']);
  });

  it('held entry: a delivery holds it on disk before it reports that', async () => {
    const made = await opened();
    await give(made, 'a', 'b');
    const failure = coded('TCP-REFUSED', { host: 'x', port: 1, elapsed: 1 });
    await deliver(
      {
        spool: made.spool,
        clock: made.clock,
        random: () => 0.5,
        report: (event) => void made.events.push(event),
        policy: ({ entry }) =>
          Promise.resolve(
            entry.key === 'a' ? { does: 'hold', failure, says: [{ name: 'stopped' }] } : { does: 'settle', says: [] },
          ),
        retry: () => ({ maxDelaySeconds: 60 }),
      },
      NEVER,
    );
    expect(made.spool.list()).toMatchObject([{ head: { key: 'a', held: true } }]);
    expect(made.events).toEqual([{ name: 'stopped' }]);
  });

  it('held entry: it can be rejected or dropped', async () => {
    const files = new CrashingFiles();
    const made = await opened(files);
    await give(made, 'a', 'b');
    for (const key of ['a', 'b']) await made.spool.keepHeld(waitingHead(made, key), 'X');
    await made.spool.reject(waitingHead(made, 'a'), 'refused');
    await made.spool.drop(waitingHead(made, 'b'));
    expect([made.spool.size, made.spool.rejected]).toEqual([0, 1]);
  });
});

describe('the evidence of a rejection', () => {
  it('evidence: it is kept with the reason, at any crash the entry waits or is rejected', async () => {
    const reason = 'field "size" is missing '.repeat(20);
    await everyCrash({
      prepare: async () => {
        const files = new CrashingFiles();
        await give(await opened(files), 'a');
        return files;
      },
      act: async (files) => {
        const { spool } = await opened(files);
        await spool.reject(headOf(spool, 'a'), reason, attachmentOf('a', 300));
      },
      check: async ({ files }) => {
        const { spool, events } = await opened(files);
        await spool.finish();
        expect(events).toEqual([]);
        if (spool.size > 0) {
          expect((await spool.read(headOf(spool, 'a')))?.body).toEqual({ id: 'a' });
          await spool.reject(headOf(spool, 'a'), reason, attachmentOf('a', 300));
        }
        const [kept] = await spool.listRejected();
        expect(kept).toMatchObject({ key: 'a', reason, body: { id: 'a' } });
        const chunks: Uint8Array[] = [];
        for await (const chunk of kept?.attachment?.open(0) ?? []) chunks.push(Buffer.from(chunk));
        expect(Buffer.concat(chunks)).toEqual(contentOf('a', 300));
        expect(spool.rejected).toBe(1);
      },
    });
  });

  it('evidence: an entry that has an attachment keeps that one', async () => {
    const { spool } = await opened();
    await spool.accept({ key: 'a', body: { id: 'a' }, attachment: attachmentOf('a', 5) });
    await expect(spool.reject(headOf(spool, 'a'), 'X', attachmentOf('b', 5))).rejects.toThrow(TypeError);
    expect(String(await readAttachment(spool, headOf(spool, 'a')))).toBe(String(contentOf('a', 5)));
  });
});

describe('content that other code stores', () => {
  const intact = new Set(['a', 'b']);
  const left: string[] = [];
  const kind: SpoolKind<Named> = {
    ...kindOf('batch'),
    compare: (one, other) => other.key.localeCompare(one.key),
    content: {
      measure: ({ id }) => ({ bytes: id.length * 100, items: id.length }),
      check: ({ id }) => Promise.resolve(intact.has(id) ? null : 'its range has another digest'),
      left: (key, how) => Promise.resolve(void left.push(`${key} ${how}`)),
    },
  };

  it('content: it is measured, also after a restart, ordered by the kind, and released once', async () => {
    const files = new CrashingFiles();
    await give(await opened(files, kind), 'a', 'b', 'ccc');
    const made = await opened(files.afterCrash('power-lost'), kind);
    expect(made.spool.content).toEqual({ bytes: 500, items: 5 });
    expect(keysOf(made.spool)).toEqual(['ccc', 'b', 'a']);

    expect(await made.spool.verify(headOf(made.spool, 'ccc'), NEVER)).toBe(false);
    expect(await made.spool.verify(headOf(made.spool, 'b'), NEVER)).toBe(true);
    await made.spool.settle(headOf(made.spool, 'b'));
    await made.spool.reject(headOf(made.spool, 'a'), 'X');
    expect(left).toEqual(['ccc set-aside', 'b ended', 'a ended']);
    expect(made.spool.content).toEqual({ bytes: 0, items: 0 });
    expect(made.events).toMatchObject([{ error: { facts: { reason: 'its range has another digest' } } }]);
    expect(await files.afterCrash('killed').list(`${OUTBOX}/batch`)).toContain('000000000003.json');
    expect(made.spool.quarantined).toBe(1);
  });
});
