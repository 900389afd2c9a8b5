import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import type { Spool } from '#spool/spool.ts';
import { realFiles } from '#system/real-files.ts';
import { CrashError, CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import {
  attachmentOf,
  contentOf,
  entryOf,
  headOf,
  keysOf,
  kindOf,
  type Named,
  type OpenedSpool,
  OUTBOX,
  openKind,
  readAttachment,
} from '#test/support/spool-rig.ts';

const DIR = `${OUTBOX}/receipt`;
const FIRST = `${DIR}/000000000001.json`;
const ALL = Number.MAX_SAFE_INTEGER;

async function open(files: CrashingFiles, clock = new FakeClock(), entries = 100): Promise<OpenedSpool> {
  return await openKind(files, kindOf('receipt', { entries }), { clock });
}

const give = (spool: Spool<Named>, key: string) => spool.accept({ key, body: { id: key } });

describe('the last failure', () => {
  it('last failure: it is the newest of the waiting entries, also after a restart', async () => {
    const files = new CrashingFiles();
    const { spool, clock } = await open(files);
    await give(spool, 'a');
    await give(spool, 'b');
    expect(spool.lastFailure()).toBeNull();
    await spool.postpone(headOf(spool, 'b'), { notBefore: ALL, error: 'TCP-REFUSED' });
    clock.advance(1_000);
    await spool.postpone(headOf(spool, 'a'), { notBefore: ALL, error: 'DNS-PROXY' });
    expect((await open(files, clock)).spool.lastFailure()).toEqual({ atMs: clock.now(), code: 'DNS-PROXY' });
    for (const key of ['a', 'b']) await spool.settle(headOf(spool, key));
    expect(spool.lastFailure()).toBeNull();
  });
});

describe('what was accepted', () => {
  it('is given out in order of acceptance, also after a power cut', async () => {
    const files = new CrashingFiles();
    const { spool } = await open(files);
    for (const key of ['c', 'a', 'b']) expect(await give(spool, key)).toBe('accepted');
    const again = await open(files.afterCrash('power-lost'));
    expect(await give(again.spool, 'z')).toBe('accepted');

    expect(keysOf(spool)).toEqual(['c', 'a', 'b']);
    expect(keysOf(again.spool)).toEqual(['c', 'a', 'b', 'z']);
    expect(again.spool.size).toBe(4);
    expect(await entryOf(again.spool, 'a')).toMatchObject({ kind: 'receipt', body: { id: 'a' }, attempts: 0 });
    expect((await files.afterCrash('killed').facts(FIRST))?.mode).toBe(0o600);
  });

  it('is accepted once, also when asked for at the same time', async () => {
    const { spool } = await open(new CrashingFiles());

    expect(await Promise.all([give(spool, 'a'), give(spool, 'a'), give(spool, 'b')])).toEqual([
      'accepted',
      'already',
      'accepted',
    ]);
    expect(keysOf(spool)).toEqual(['a', 'b']);
  });

  it('is never accepted again after it was settled, nor given out', async () => {
    const files = new CrashingFiles();
    const { spool } = await open(files);
    await give(spool, 'a');
    const entry = headOf(spool, 'a');
    await spool.settle(entry);
    await spool.settle(entry);
    await spool.postpone(entry, { notBefore: 0, error: 'X' });
    const again = await open(files.afterCrash('power-lost'));

    for (const one of [spool, again.spool]) {
      expect(one.size).toBe(0);
      expect(one.nextDueAt()).toBeNull();
    }
    expect(await give(again.spool, 'a')).toBe('already');
    expect(again.events).toEqual([]);
  });

  it('is refused loudly when the spool is full; what waits stays', async () => {
    const { spool } = await open(new CrashingFiles(), new FakeClock(), 2);
    await give(spool, 'a');
    await give(spool, 'b');

    await expect(give(spool, 'c')).rejects.toMatchObject({
      code: 'SPOOL-FULL',
      facts: { count: 2, entries: 2, key: 'c' },
    });
    expect(await give(spool, 'a')).toBe('already');
    expect(keysOf(spool)).toEqual(['a', 'b']);
    await spool.settle(headOf(spool, 'a'));
    expect(await give(spool, 'c')).toBe('accepted');
  });

  it('is refused when it is too large to be read again, or its key is none', async () => {
    const { spool } = await open(new CrashingFiles());
    const large = { key: 'a', body: { id: 'x'.repeat(262_144) } };

    await expect(spool.accept(large)).rejects.toMatchObject({ code: 'SPOOL-TOO-LARGE' });
    await expect(give(spool, '../a')).rejects.toThrow(TypeError);
    expect(spool.size).toBe(0);
  });

  it('on a full disk is not accepted, and can be later', async () => {
    const files = new CrashingFiles();
    const { spool } = await open(files);
    files.arm({ fullAfterBytes: 50 });
    await expect(give(spool, 'a')).rejects.toMatchObject({ code: 'DISK-FULL' });
    expect(spool.size).toBe(0);
    files.arm({});

    expect(await give(spool, 'b')).toBe('accepted');
    expect(await give(spool, 'a')).toBe('accepted');
    const again = await open(files.afterCrash('power-lost'));
    expect(keysOf(again.spool)).toEqual(['b', 'a']);
    expect(again.events).toEqual([]);
  });
});

describe('what was postponed', () => {
  it('waits for its time, counts its attempts, and both survive a power cut', async () => {
    const files = new CrashingFiles();
    const { spool, clock } = await open(files);
    await give(spool, 'a');
    await give(spool, 'b');
    expect(spool.nextDueAt()).toBe(clock.now());
    const notBefore = clock.now() + 5_000;
    await spool.postpone(headOf(spool, 'a'), { notBefore, error: 'TCP-REFUSED' });
    await spool.postpone(headOf(spool, 'a'), { notBefore, error: 'TCP-TIMEOUT' });
    const check = async (one: Spool<Named>) => {
      expect(keysOf(one, clock.now())).toEqual(['b']);
      expect(keysOf(one, notBefore)).toEqual(['a', 'b']);
      expect(headOf(one, 'a')).toMatchObject({ attempts: 2, postponed: { error: 'TCP-TIMEOUT' } });
    };
    await check(spool);
    const again = await open(files.afterCrash('power-lost'), clock);
    await check(again.spool);
    await again.spool.settle(headOf(again.spool, 'b'));
    expect(again.spool.nextDueAt()).toBe(notBefore);
  });

  it('waits also when the disk is full, and the caller hears of it', async () => {
    const files = new CrashingFiles();
    const { spool, clock } = await open(files);
    await give(spool, 'a');
    files.arm({ fullAfterBytes: 0 });
    const until = { notBefore: clock.now() + 5_000, error: 'TCP-REFUSED' };

    await expect(spool.postpone(headOf(spool, 'a'), until)).rejects.toMatchObject({ code: 'DISK-FULL' });
    expect(keysOf(spool, clock.now())).toEqual([]);
    expect(keysOf((await open(files.afterCrash('killed'))).spool)).toEqual(['a']);
  });

  it('is due when the clock steps back by years', async () => {
    const { spool, clock } = await open(new CrashingFiles());
    await give(spool, 'a');
    await spool.postpone(headOf(spool, 'a'), { notBefore: clock.now() + 5_000, error: 'TCP-REFUSED' });
    clock.stepWall(-1e11);

    expect(spool.nextDueAt()).toBe(clock.now());
    expect(keysOf(spool, clock.now())).toEqual(['a']);
  });
});

const headText = (change: object) => {
  const head = { format: 1, key: 'k', kind: 'receipt', body: { id: 'k' }, accepted_at: 1, attempts: 0 };
  return JSON.stringify({ ...head, postponed_at: null, not_before: null, error: null, ...change });
};

describe('what can not be read', () => {
  const reported = (events: readonly SallyportEvent[]) =>
    events.map((event) => `${event.name} ${String('error' in event && (event.error as { code?: unknown }).code)}`);

  it.each([
    ['a torn file', '{"format":1,"key":"a","ki', 'STATE-DAMAGED', FIRST],
    ['an empty file', '', 'STATE-DAMAGED', FIRST],
    ['a file that is far too large', ' '.repeat(262_145), 'STATE-DAMAGED', FIRST],
    ['an entry of a newer format', '{"format":3}', 'STATE-NEWER', FIRST],
    ['an entry of another kind', headText({ kind: 'batch' }), 'STATE-DAMAGED', FIRST],
    ['an entry whose body is not of its kind', headText({ body: 5 }), 'STATE-DAMAGED', FIRST],
  ])('is set aside and reported: %s', async (_what, content, code, path) => {
    const files = new CrashingFiles();
    files.plantFile(path, content);
    const { spool, events } = await open(files);

    expect(reported(events)).toEqual([`receipt-quarantined ${code}`]);
    expect(spool.size).toBe(0);
    expect(await give(spool, 'a')).toBe('accepted');
    const [aside] = files.names().filter((name) => name.startsWith(`${DIR}/quarantine/`));
    expect(String(files.content(aside ?? ''))).toBe(content);
    const again = await open(files.afterCrash('power-lost'));
    expect(again.events).toEqual([]);
    expect(keysOf(again.spool)).toEqual(['a']);
  });

  it('unreadable entry: a link or FIFO is set aside, and its target stays', async () => {
    const files = new CrashingFiles();
    files.plantFile('/etc/passwd', 'root');
    files.plantSymlink(FIRST, '/etc/passwd');
    files.plantFifo(`${DIR}/000000000002.json`);
    const { events } = await open(files);

    expect(reported(events)).toEqual(['receipt-quarantined STATE-DAMAGED', 'receipt-quarantined STATE-DAMAGED']);
    expect(String(files.content('/etc/passwd'))).toBe('root');
    expect(await files.list(DIR)).toEqual(['quarantine']);
  });

  it('for a reason of the disk stays where it is until the next start', async () => {
    const files = new CrashingFiles();
    await give((await open(files)).spool, 'a');
    const rehearsal = files.afterCrash('killed');
    await open(rehearsal);
    const n = rehearsal.trace.find(({ operation, path }) => operation === 'read' && path === FIRST)?.n ?? 0;
    const again = files.afterCrash('killed');
    again.arm({ failAt: { n, error: coded('FILE-FAILED', { operation: 'read', path: FIRST, reason: 'EIO' }) } });
    const { spool, events } = await open(again);

    expect(reported(events)).toEqual(['receipt-quarantined FILE-FAILED']);
    expect(await give(spool, 'b')).toBe('accepted');
    expect(keysOf((await open(again.afterCrash('killed'))).spool)).toEqual(['a', 'b']);
  });

  it('does not push one that was set aside before out of its place', async () => {
    const files = new CrashingFiles();
    for (const content of ['one', 'two', 'three']) {
      files.plantFile(FIRST, content);
      await open(files);
    }

    expect(await files.list(`${DIR}/quarantine`)).toEqual(
      [1, 2, 3].map((n) => `000000000001.json${n > 1 ? `.${n}` : ''}`),
    );
  });

  it('quarantine: the oldest entry and its attachment are deleted, foreign names stay', async () => {
    const files = new CrashingFiles();
    const kind = kindOf('receipt', { entries: 3, bytes: 3_000 });
    const { spool, events } = await openKind(files, kind);
    files.plantFile(`${DIR}/quarantine/notes.txt`, 'mine'.repeat(1_000));
    for (const key of ['a', 'b', 'c']) {
      await spool.accept({ key, body: { id: key }, attachment: attachmentOf(key, 300) });
    }
    for (const n of [1, 2, 3]) files.plantFile(`${DIR}/00000000000${n}.attachment`, 'X'.repeat(1_000));
    for (const key of ['a', 'b', 'c']) await spool.verify(headOf(spool, key), new AbortController().signal);

    expect(events.map(({ name }) => name)).toEqual([
      'receipt-quarantined',
      'receipt-quarantined',
      'set-aside-full',
      'receipt-quarantined',
    ]);
    const left = [2, 3].flatMap((n) => [`00000000000${n}.attachment`, `00000000000${n}.json`]).concat('notes.txt');
    expect(await files.list(`${DIR}/quarantine`)).toEqual(left);
    const again = files.afterCrash('power-lost');
    await openKind(again, kind);
    expect(await again.list(`${DIR}/quarantine`)).toEqual(left);
  });

  it('quarantine: one of an earlier version is reduced to the quota at the start, oldest first', async () => {
    const files = new CrashingFiles();
    for (const n of [1, 2, 3, 4]) files.plantFile(`${DIR}/quarantine/00000000000${n}.json`, 'torn');
    files.plantFile(`${DIR}/quarantine/000000000001.json.2`, 'torn');
    const { events } = await openKind(files, kindOf('receipt', { entries: 2 }));

    expect(await files.list(`${DIR}/quarantine`)).toEqual(['000000000003.json', '000000000004.json']);
    expect(events).toEqual([{ name: 'set-aside-full', dir: `${DIR}/quarantine`, entries: 2, limit: 1_000_000 }]);
  });

  it('when it is to be sent goes there, and the rest is sent', async () => {
    const files = new CrashingFiles();
    const { spool, events } = await open(files);
    for (const key of ['a', 'b', 'c']) await give(spool, key);
    const [a, b, c] = ['a', 'b', 'c'].map((key) => headOf(spool, key));
    files.plantFile(FIRST, 'torn');
    await files.remove(`${DIR}/000000000002.json`);
    for (const head of [a, b]) expect(head && (await spool.read(head))).toBeNull();

    expect(reported(events)).toEqual(['receipt-quarantined STATE-DAMAGED', 'receipt-quarantined FILE-FAILED']);
    expect(keysOf(spool)).toEqual(['c']);
    expect(c && (await spool.read(c))?.body).toEqual({ id: 'c' });
    expect(await files.list(`${DIR}/quarantine`)).toEqual(['000000000001.json']);
    expect(await give(spool, 'a')).toBe('accepted');
  });

  it('and bears a foreign name is left alone', async () => {
    const files = new CrashingFiles();
    const foreign = [`${DIR}/hello.txt`, `${DIR}/1.json`, `${DIR}/000000000001.json.bak`, `${DIR}/x.new`];
    for (const path of foreign) files.plantFile(path, 'mine');
    files.plantFolder(`${DIR}/lost+found`);
    const { spool, events } = await open(files);
    await give(spool, 'a');
    await spool.settle(headOf(spool, 'a'));

    expect(events).toEqual([]);
    expect(foreign.map((path) => String(files.content(path)))).toEqual(foreign.map(() => 'mine'));
  });

  it('unreadable entry: the last possible number does not make later entries foreign', async () => {
    const files = new CrashingFiles();
    const planted = `${DIR}/999999999999999.json`;
    files.plantFile(planted, 'mine');
    await give((await open(files)).spool, 'a');
    const { spool } = await open(files);
    expect(spool.size).toBe(1);
    expect(String(files.content(planted))).toBe('mine');
  });

  it('unreadable entry: one that cannot be set aside is reported, and the rest is delivered', async () => {
    const files = new CrashingFiles();
    await give((await open(files)).spool, 'a');
    files.plantFile(`${DIR}/000000000002.json`, 'broken');
    files.plantFile(`${DIR}/quarantine`, 'no folder');
    const { spool, events } = await open(files);

    expect(reported(events)).toEqual(['receipt-quarantined FILE-FAILED']);
    expect(keysOf(spool)).toEqual(['a']);
  });
});

describe('a crash', () => {
  it('crash: a process crash and then a power cut lose nothing that was relied upon', async () => {
    const files = new CrashingFiles();
    const rehearsal = new CrashingFiles();
    const first = await open(rehearsal);
    await give(first.spool, 'a');
    const sync = rehearsal.trace.filter(({ operation }) => operation === 'syncDirectory').at(-1)?.n ?? 0;
    const before = await open(files);
    const offset = files.trace.length;
    files.arm({ crashBefore: sync - offset });
    await expect(give(before.spool, 'a')).rejects.toThrow(CrashError);
    const killed = files.afterCrash('killed');
    expect(await give((await open(killed)).spool, 'a')).toBe('already');

    expect(keysOf((await open(killed.afterCrash('power-lost'))).spool)).toEqual(['a']);
  });

  it('crash: anywhere in accept, postpone and settle it loses and repeats nothing', async () => {
    const trials = await everyCrash({
      prepare: async () => {
        const files = new CrashingFiles();
        const { spool } = await open(files);
        await give(spool, 'waits');
        await give(spool, 'goes');
        return files;
      },
      act: async (files) => {
        const { spool, clock } = await open(files);
        await give(spool, 'new');
        await spool.postpone(headOf(spool, 'waits'), { notBefore: clock.now() + 1_000, error: 'TCP-REFUSED' });
        await spool.settle(headOf(spool, 'goes'));
      },
      check: async ({ files }) => {
        const { spool, events } = await open(files);
        const keys = keysOf(spool);
        expect(events).toEqual([]);
        expect(keys[0]).toBe('waits');
        expect([0, 1]).toContain(headOf(spool, 'waits').attempts);
        if (!keys.includes('new')) expect(keys).toEqual(['waits', 'goes']);
        expect(await give(spool, 'goes')).toBe('already');
        expect((await files.list(DIR)).filter((name) => name.endsWith('.new'))).toEqual([]);
      },
    });

    expect(trials).toBeGreaterThan(100);
  });
});

describe('an attachment', () => {
  const withAttachment = (spool: Spool<Named>, key: string, bytes = 50) =>
    spool.accept({ key, body: { id: key }, attachment: attachmentOf(key, bytes) });

  it('comes back byte for byte from any offset, also after a power cut', async () => {
    const files = new CrashingFiles();
    await withAttachment((await open(files)).spool, 'a');
    const { spool } = await open(files.afterCrash('power-lost'));
    const head = headOf(spool, 'a');

    expect(head.attachment?.length).toBe(50);
    expect(await spool.verify(head, new AbortController().signal)).toBe(true);
    for (const offset of [0, 13, 49, 50]) {
      expect((await readAttachment(spool, head, offset)).equals(contentOf('a', 50).subarray(offset))).toBe(true);
    }
    expect(spool.bytes).toBeGreaterThan(50);
    await spool.settle(head);
    expect(spool.bytes).toBe(0);
    expect(await files.afterCrash('killed').list(DIR)).toEqual(['000000000001.attachment', '000000000001.json']);
  });

  it('is not opened for a key that is known', async () => {
    const { spool } = await open(new CrashingFiles());
    await give(spool, 'a');
    const attachment = {
      open: () => {
        throw new Error('opened');
      },
    };
    expect(await spool.accept({ key: 'a', body: { id: 'a' }, attachment })).toBe('already');
  });

  it('that would not fit is refused while it streams, and leaves no byte', async () => {
    const files = new CrashingFiles();
    const { spool } = await openKind(files, kindOf('receipt', { bytes: 1_000 }));

    await expect(withAttachment(spool, 'a', 5_000)).rejects.toMatchObject({
      code: 'SPOOL-FULL',
      facts: { limit: 1_000 },
    });
    expect(files.names()).toEqual([]);
    expect(await withAttachment(spool, 'b', 500)).toBe('accepted');
  });

  it('whose source fails refuses the entry, and leaves no byte', async () => {
    const files = new CrashingFiles();
    const { spool } = await open(files);
    const open_ = async function* () {
      yield await Promise.resolve(Buffer.from('abc'));
      throw new Error('the source broke');
    };
    await expect(spool.accept({ key: 'a', body: { id: 'a' }, attachment: { open: open_ } })).rejects.toThrow('broke');
    expect(files.names()).toEqual([]);
    expect(spool.size).toBe(0);
  });

  it('streams in while other entries are accepted, sent and settled', async () => {
    const { spool } = await open(new CrashingFiles());
    let more: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      more = resolve;
    });
    const slow = async function* () {
      yield Buffer.from('abc');
      await gate;
      yield Buffer.from('def');
    };
    const large = spool.accept({ key: 'large', body: { id: 'large' }, attachment: { open: slow } });
    const again = spool.accept({ key: 'large', body: { id: 'large' } });
    await give(spool, 'small');
    await spool.settle(headOf(spool, 'small'));
    more();

    expect(await Promise.all([large, again])).toEqual(['accepted', 'already']);
    expect(String(await readAttachment(spool, headOf(spool, 'large')))).toBe('abcdef');
  });

  it.each([
    ['changed', (files: CrashingFiles, path: string) => files.plantFile(path, 'X'.repeat(50))],
    ['cut', (files: CrashingFiles, path: string) => files.plantFile(path, 'a')],
    ['replaced by a link', (files: CrashingFiles, path: string) => files.plantSymlink(path, '/etc/passwd')],
  ])('that was %s is set aside with its head before it is sent', async (_what, change) => {
    const files = new CrashingFiles();
    const { spool, events } = await open(files);
    await withAttachment(spool, 'a');
    change(files, `${DIR}/000000000001.attachment`);

    expect(await spool.verify(headOf(spool, 'a'), new AbortController().signal)).toBe(false);
    expect(events).toMatchObject([{ name: 'receipt-quarantined', error: { code: 'STATE-DAMAGED' } }]);
    expect(keysOf(spool)).toEqual([]);
    expect(await files.list(`${DIR}/quarantine`)).toEqual(['000000000001.attachment', '000000000001.json']);
  });

  it('that is missing at the start is reported', async () => {
    const files = new CrashingFiles();
    await withAttachment((await open(files)).spool, 'a');
    await files.remove(`${DIR}/000000000001.attachment`);
    const { spool, events } = await open(files);

    expect(events).toMatchObject([
      { error: { code: 'STATE-DAMAGED', facts: { reason: 'its attachment is missing' } } },
    ]);
    expect(spool.size).toBe(0);
  });
});

describe('what is rejected or split', () => {
  it('rejected entry: it is kept with its reason up to a limit, and never accepted again', async () => {
    const files = new CrashingFiles();
    const { spool, events } = await open(files, new FakeClock(), 2);
    const reject = async (key: string) => {
      await spool.accept({ key, body: { id: key }, attachment: attachmentOf(key, 20) });
      await spool.reject(headOf(spool, key), 'CONTENT-BLOCKED');
    };
    for (const key of ['x', 'a', 'b', 'c']) await reject(key);

    expect(spool.rejected).toBe(2);
    expect(await files.list(`${DIR}/rejected`)).toEqual(
      [3, 4].flatMap((n) => [`00000000000${n}.attachment`, `00000000000${n}.json`]),
    );
    // Two entries were removed; the first removal is reported.
    expect(events).toEqual([{ name: 'set-aside-full', dir: `${DIR}/rejected`, entries: 2, limit: 1_000_000 }]);
    expect(String(files.content(`${DIR}/rejected/000000000004.json`))).toContain('"rejected":"CONTENT-BLOCKED"');
    const again = await open(files.afterCrash('power-lost'));
    expect(await give(again.spool, 'c')).toBe('already');
    expect(again.spool.rejected).toBe(2);
    await give(again.spool, 'd');
    await again.spool.reject(headOf(again.spool, 'd'), 'X');
    expect(again.spool.rejected).toBe(3);
  });

  it('is replaced by its parts, also where the spool is full', async () => {
    const { spool } = await open(new CrashingFiles(), new FakeClock(), 2);
    await give(spool, 'a');
    await give(spool, 'b');
    await spool.split(headOf(spool, 'a'), [
      { key: 'a.1', body: { id: 'a.1' } },
      { key: 'a.2', body: { id: 'a.2' } },
    ]);

    expect(keysOf(spool)).toEqual(['b', 'a.1', 'a.2']);
    expect(await give(spool, 'a')).toBe('already');
    await expect(give(spool, 'c')).rejects.toMatchObject({ code: 'SPOOL-FULL' });
  });

  it('cannot be split into one part, or into itself', async () => {
    const { spool } = await open(new CrashingFiles());
    await give(spool, 'a');
    const head = headOf(spool, 'a');
    const part = { key: 'x', body: { id: 'x' } };
    for (const parts of [[], [part], [part, part], [part, { key: 'a', body: { id: 'a' } }]]) {
      expect(() => spool.split(head, parts)).toThrow(TypeError);
    }
  });

  it('rejected entry: a disk that is full at any byte leaves it intact or finishes it later', async () => {
    const seen = new Set<string>();
    for (let fullAfterBytes = 0; fullAfterBytes < 1_000; fullAfterBytes += 20) {
      const files = new CrashingFiles();
      const { spool, clock } = await open(files);
      await give(spool, 'a');
      files.arm({ fullAfterBytes });
      const parts = ['a.1', 'a.2'].map((key) => ({ key, body: { id: key } }));
      const code = await spool.split(headOf(spool, 'a'), parts).then(
        () => 'done',
        ({ code: failed }: { code: string }) => failed,
      );
      seen.add(`${code} ${keysOf(spool).join()}`);
      files.arm({});
      clock.advance(60_000);
      await spool.finish();
      expect(keysOf(spool).join()).toMatch(code === 'done' ? /^a.1,a.2$/ : /^a$|^a.1,a.2$/);
      expect(keysOf((await open(files.afterCrash('power-lost'))).spool)).toEqual(keysOf(spool));
    }
    expect([...seen]).toEqual(['DISK-FULL a', 'DISK-FULL a.1', 'done a.1,a.2']);
  });
});

describe('a full disk', () => {
  it('full disk: everything can be settled, survives restarts, and is written when there is room', async () => {
    const files = new CrashingFiles();
    const { spool } = await open(files);
    for (const key of ['a', 'b', 'c']) {
      await spool.accept({ key, body: { id: key }, attachment: attachmentOf(key, 40) });
    }
    files.arm({ fullAfterBytes: 0 });
    await spool.settle(headOf(spool, 'a'));
    await spool.settle(headOf(spool, 'b'));
    expect(keysOf(spool)).toEqual(['c']);
    expect(await files.list(DIR)).toEqual([
      '000000000001.settled',
      '000000000002.settled',
      '000000000003.attachment',
      '000000000003.json',
    ]);

    const killed = files.afterCrash('power-lost');
    killed.arm({ fullAfterBytes: 0 });
    const still = await open(killed);
    expect(await give(still.spool, 'a')).toBe('already');
    killed.arm({});
    await still.spool.settle(headOf(still.spool, 'c'));
    expect(await killed.list(DIR)).toEqual(['settled.log']);
    const { spool: last, events } = await open(killed.afterCrash('power-lost'));
    for (const key of ['a', 'b', 'c']) expect(await give(last, key)).toBe('already');
    expect(events).toEqual([]);
  });
});

describe('on the real disk', () => {
  it('it does the same', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sallyport-spool-'));
    try {
      const outbox = join(dir, 'outbox');
      const { spool } = await openKind(realFiles, kindOf('receipt'), { outbox });
      for (const key of ['a', 'b']) {
        await spool.accept({ key, body: { id: key }, attachment: attachmentOf(key, 200_000, 65_536) });
      }
      await spool.settle(headOf(spool, 'a'));
      const { spool: again } = await openKind(realFiles, kindOf('receipt'), { outbox });

      expect(keysOf(again)).toEqual(['b']);
      expect(await again.verify(headOf(again, 'b'), new AbortController().signal)).toBe(true);
      expect((await readAttachment(again, headOf(again, 'b'), 150_000)).length).toBe(50_000);
      expect(await give(again, 'a')).toBe('already');
      await again.reject(headOf(again, 'b'), 'X');
      expect(readdirSync(join(outbox, 'receipt'))).toEqual(['rejected', 'settled.log']);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
