import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import type { SallyportEvent } from '#logging/events.ts';
import { openSpool, type Spool } from '#spool/spool.ts';
import { realFiles } from '#system/real-files.ts';
import { CrashError, CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const DIR = '/state/spool';
const FIRST = `${DIR}/000000000001.json`;
const ALL = Number.MAX_SAFE_INTEGER;

interface Opened {
  readonly spool: Spool;
  readonly events: SallyportEvent[];
  readonly clock: FakeClock;
}

async function open(files: CrashingFiles, clock = new FakeClock(), quotaEntries = 100): Promise<Opened> {
  const events: SallyportEvent[] = [];
  const report = (event: SallyportEvent) => void events.push(event);
  return { spool: await openSpool({ files, dir: DIR, clock, quotaEntries, report }), events, clock };
}

const give = (spool: Spool, key: string) => spool.accept({ key, kind: 'receipt', body: { id: key } });

async function keysOf(spool: Spool, now = ALL): Promise<string[]> {
  return (await spool.due(now)).map(({ key }) => key);
}

async function entryOf(spool: Spool, key: string) {
  const entry = (await spool.due(ALL)).find((one) => one.key === key);
  if (entry === undefined) throw new Error(`${key} does not wait`);
  return entry;
}

describe('the last failure', () => {
  it('is that of what still waits, the newest, also after a restart; none once all is settled', async () => {
    const files = new CrashingFiles();
    const { spool, clock } = await open(files);
    await give(spool, 'a');
    await give(spool, 'b');
    expect(spool.lastFailure()).toBeNull();
    await spool.postpone(await entryOf(spool, 'b'), { notBefore: ALL, error: 'TCP-REFUSED' });
    clock.advance(1_000);
    await spool.postpone(await entryOf(spool, 'a'), { notBefore: ALL, error: 'DNS-PROXY' });
    expect((await open(files, clock)).spool.lastFailure()).toEqual({ atMs: clock.now(), code: 'DNS-PROXY' });
    for (const key of ['a', 'b']) await spool.settle(await entryOf(spool, key));
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

    expect(await keysOf(spool)).toEqual(['c', 'a', 'b']);
    expect(await keysOf(again.spool)).toEqual(['c', 'a', 'b', 'z']);
    expect(again.spool.size).toBe(4);
    expect((await again.spool.due(ALL))[1]).toMatchObject({ kind: 'receipt', body: { id: 'a' }, attempts: 0 });
    expect((await files.afterCrash('killed').facts(FIRST))?.mode).toBe(0o600);
  });

  it('is accepted once, also when asked for at the same time', async () => {
    const { spool } = await open(new CrashingFiles());

    expect(await Promise.all([give(spool, 'a'), give(spool, 'a'), give(spool, 'b')])).toEqual([
      'accepted',
      'already',
      'accepted',
    ]);
    expect(await keysOf(spool)).toEqual(['a', 'b']);
  });

  it('is never accepted again after it was settled, nor given out', async () => {
    const files = new CrashingFiles();
    const { spool } = await open(files);
    await give(spool, 'a');
    const entry = await entryOf(spool, 'a');
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

    await expect(give(spool, 'c')).rejects.toMatchObject({ code: 'SPOOL-FULL', facts: { count: 2, key: 'c' } });
    expect(await give(spool, 'a')).toBe('already');
    expect(await keysOf(spool)).toEqual(['a', 'b']);
    await spool.settle(await entryOf(spool, 'a'));
    expect(await give(spool, 'c')).toBe('accepted');
  });

  it('is refused when it is too large to be read again, or its key is none', async () => {
    const { spool } = await open(new CrashingFiles());
    const large = { key: 'a', kind: 'receipt', body: 'x'.repeat(262_144) };

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
    expect(await keysOf(again.spool)).toEqual(['b', 'a']);
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
    await spool.postpone(await entryOf(spool, 'a'), { notBefore, error: 'TCP-REFUSED' });
    await spool.postpone(await entryOf(spool, 'a'), { notBefore, error: 'TCP-TIMEOUT' });
    const check = async (one: Spool) => {
      expect(await keysOf(one, clock.now())).toEqual(['b']);
      expect(await keysOf(one, notBefore)).toEqual(['a', 'b']);
      expect(await entryOf(one, 'a')).toMatchObject({ attempts: 2, postponed: { error: 'TCP-TIMEOUT' } });
    };
    await check(spool);
    const again = await open(files.afterCrash('power-lost'), clock);
    await check(again.spool);
    await again.spool.settle(await entryOf(again.spool, 'b'));
    expect(again.spool.nextDueAt()).toBe(notBefore);
  });

  it('waits also when the disk is full, and the caller hears of it', async () => {
    const files = new CrashingFiles();
    const { spool, clock } = await open(files);
    await give(spool, 'a');
    files.arm({ fullAfterBytes: 0 });
    const until = { notBefore: clock.now() + 5_000, error: 'TCP-REFUSED' };

    await expect(spool.postpone(await entryOf(spool, 'a'), until)).rejects.toMatchObject({ code: 'DISK-FULL' });
    expect(await keysOf(spool, clock.now())).toEqual([]);
    expect(await keysOf((await open(files.afterCrash('killed'))).spool)).toEqual(['a']);
  });

  it('is due when the clock steps back by years', async () => {
    const { spool, clock } = await open(new CrashingFiles());
    await give(spool, 'a');
    await spool.postpone(await entryOf(spool, 'a'), { notBefore: clock.now() + 5_000, error: 'TCP-REFUSED' });
    clock.stepWall(-1e11);

    expect(spool.nextDueAt()).toBe(clock.now());
    expect(await keysOf(spool, clock.now())).toEqual(['a']);
  });
});

describe('what can not be read', () => {
  const reported = (events: readonly SallyportEvent[]) =>
    events.map((event) => `${event.name} ${String('error' in event && (event.error as { code?: unknown }).code)}`);

  it.each([
    ['a torn file', '{"format":1,"key":"a","ki', 'STATE-DAMAGED', FIRST],
    ['an empty file', '', 'STATE-DAMAGED', FIRST],
    ['a file that is far too large', ' '.repeat(262_145), 'STATE-DAMAGED', FIRST],
    ['an entry of a newer format', '{"format":2}', 'STATE-NEWER', FIRST],
    ['a file that is none of ours', 'hello', 'STATE-DAMAGED', `${DIR}/hello.txt`],
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
    expect(await keysOf(again.spool)).toEqual(['a']);
  });

  it('is set aside itself when it is a link or a FIFO; what it points at stays', async () => {
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
    expect(await keysOf((await open(again.afterCrash('killed'))).spool)).toEqual(['a', 'b']);
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

  it('by its reader goes there, too: neither sent nor settled', async () => {
    const files = new CrashingFiles();
    const { spool } = await open(files);
    await give(spool, 'a');
    const entry = await entryOf(spool, 'a');
    await spool.quarantine(entry);
    await spool.quarantine(entry);

    expect(spool.size).toBe(0);
    expect(await files.list(`${DIR}/quarantine`)).toEqual(['000000000001.json']);
    expect(await give(spool, 'a')).toBe('accepted');
  });

  it('and can not be set aside either is reported, and the rest is given out', async () => {
    const files = new CrashingFiles();
    await give((await open(files)).spool, 'a');
    files.plantFile(`${DIR}/000000000002.json`, 'broken');
    files.plantFile(`${DIR}/quarantine`, 'no folder');
    const { spool, events } = await open(files);

    expect(reported(events)).toEqual(['receipt-quarantined FILE-FAILED']);
    expect(await keysOf(spool)).toEqual(['a']);
  });
});

describe('a crash', () => {
  it('of the process and then of the power loses nothing that was relied upon in between', async () => {
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

    expect(await keysOf((await open(killed.afterCrash('power-lost'))).spool)).toEqual(['a']);
  });

  it('anywhere in accept, postpone and settle loses nothing accepted and brings nothing settled back', async () => {
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
        await spool.postpone(await entryOf(spool, 'waits'), { notBefore: clock.now() + 1_000, error: 'TCP-REFUSED' });
        await spool.settle(await entryOf(spool, 'goes'));
      },
      check: async ({ files }) => {
        const { spool, events } = await open(files);
        const keys = await keysOf(spool);
        expect(events).toEqual([]);
        expect(keys[0]).toBe('waits');
        expect([0, 1]).toContain((await entryOf(spool, 'waits')).attempts);
        if (!keys.includes('new')) expect(keys).toEqual(['waits', 'goes']);
        expect(await give(spool, 'goes')).toBe('already');
        expect((await files.list(DIR)).filter((name) => name.endsWith('.new'))).toEqual([]);
      },
    });

    expect(trials).toBeGreaterThan(200);
  });
});

describe('on the real disk', () => {
  it('it does the same', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'sallyport-spool-'));
    try {
      const ports = { files: realFiles, dir: join(dir, 'spool'), clock: new FakeClock(), quotaEntries: 10 };
      const spool = await openSpool({ ...ports, report: () => undefined });
      for (const key of ['a', 'b']) await give(spool, key);
      await spool.settle(await entryOf(spool, 'a'));
      const again = await openSpool({ ...ports, report: () => undefined });

      expect(await keysOf(again)).toEqual(['b']);
      expect(await give(again, 'a')).toBe('already');
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});
