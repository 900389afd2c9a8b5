// The record of a hold: durable, ended by its date, healed after a wrong clock, and kept if its file is damaged.

import { describe, expect, it } from 'vitest';
import { CrashingFiles } from '#test/support/crashing-files.ts';
import { everyCrash } from '#test/support/every-crash.ts';
import { checkUntil, type Hold, UpdatesHold } from '#updates/hold/hold.ts';

const PATH = '/state/hold.json';
const NOW = Date.UTC(2026, 11, 1);
const DAY = 86_400_000;
const FREEZE: Hold = { until: NOW + 7 * DAY, since: NOW, reason: 'freeze', by: 'user 1000 (anna)', uid: 1_000 };

async function machine(): Promise<CrashingFiles> {
  const files = new CrashingFiles();
  await files.makeDirectory('/state', 0o700);
  return files;
}

async function loaded(files: CrashingFiles, nowMs = NOW): Promise<UpdatesHold> {
  const hold = new UpdatesHold(files, PATH);
  await hold.load(nowMs);
  return hold;
}

describe('hold: the record', () => {
  it('hold: closes publication until its date, also after a restart, and ends there by itself', async () => {
    const files = await machine();
    await (await loaded(files)).set(FREEZE);

    const hold = await loaded(files.afterCrash('power-lost'));
    expect(hold.closure(FREEZE.until - 1)).toMatchObject({ kind: 'hold', untilMs: FREEZE.until, hold: FREEZE });
    expect(hold.closure(FREEZE.until)).toBeNull();
  });

  it('hold: its end is reported once, and a clock that is set back continues it', async () => {
    const hold = await loaded(await machine());
    await hold.set(FREEZE);

    expect(await hold.takeEnded(NOW)).toBeNull();
    expect(await hold.takeEnded(Date.UTC(2099, 0, 1))).toMatchObject({ reason: 'freeze' });
    expect(await hold.takeEnded(Date.UTC(2099, 0, 1))).toBeNull();
    expect(await hold.takeEnded(NOW)).toBeNull();
    expect(hold.current(NOW)).toMatchObject(FREEZE);
    expect(await hold.takeEnded(FREEZE.until)).toMatchObject({ reason: 'freeze' });
  });

  it('hold: a damaged record holds updates for a week and is reported', async () => {
    const files = await machine();
    const broken = await files.create(PATH, 0o600);
    broken.write(Buffer.from('{"format":1,"hold":'), 0);
    await broken.close();

    const hold = new UpdatesHold(files, PATH);
    expect(await hold.load(NOW)).toMatchObject({ code: 'STATE-DAMAGED' });
    expect(hold.current(NOW + 6 * DAY)?.reason).toMatch(/damaged/);
    expect(hold.current(NOW + 8 * DAY)).toBeNull();
    expect((await loaded(files)).current(NOW)).not.toBeNull();
  });

  it('hold: a full disk keeps the previous state', async () => {
    const files = await machine();
    const hold = await loaded(files);
    await hold.set(FREEZE);
    files.arm({ fullAfterBytes: 0 });

    await expect(hold.release(NOW)).rejects.toMatchObject({ code: 'DISK-FULL' });
    expect(hold.current(NOW)).toMatchObject(FREEZE);
  });

  it('hold: a hold that is set during a publication takes effect after it', async () => {
    const hold = await loaded(await machine());
    const order: string[] = [];
    const publication = hold.publishing(async () => {
      await new Promise((resolve) => setImmediate(resolve));
      order.push(`published, closed: ${hold.current(NOW) !== null}`);
    });
    const set = hold.set(FREEZE).then(() => order.push('held'));
    await Promise.all([publication, set]);
    expect(order).toEqual(['published, closed: false', 'held']);
  });

  it('hold: a crash at any operation leaves the previous record or the new one', { timeout: 120_000 }, async () => {
    const other: Hold = { ...FREEZE, until: NOW + 9 * DAY, reason: 'other' };
    const trials = await everyCrash({
      prepare: async () => {
        const files = await machine();
        await (await loaded(files)).set(FREEZE);
        return files.afterCrash('killed');
      },
      act: async (files) => {
        const hold = await loaded(files);
        await hold.set(other);
        await hold.release(NOW);
      },
      check: async ({ files }) => {
        const reason = (await loaded(files)).current(NOW)?.reason ?? 'none';
        expect(['freeze', 'other', 'none']).toContain(reason);
      },
    });
    expect(trials).toBeGreaterThan(20);
  });
});

it.each([
  [NOW - 1, 'that time is over'],
  [NOW, 'that time is over'],
  [Number.NaN, 'that time is over'],
  [NOW + 367 * DAY, 'a hold lasts at most 366 days'],
])('hold: an end at %s is refused', (until, reason) => {
  expect(checkUntil(until, NOW)).toMatchObject({ code: 'HOLD-INVALID', facts: { reason } });
});

it('hold: an end within 366 days is accepted', () => {
  expect(checkUntil(NOW + 366 * DAY, NOW)).toBeNull();
});
