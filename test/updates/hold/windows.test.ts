import { describe, expect, it } from 'vitest';
import { Zone } from '#system/time/zone.ts';
import { FakeClock } from '#test/support/fake-clock.ts';
import { beginsAt, closedUntil, UpdateWindows, type WindowSettings } from '#updates/hold/windows.ts';

const MINUTE = 60_000;
const HOUR = 3_600_000;
const at = (text: string) => Date.parse(text);
const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString().slice(0, 16));

/** Hours of downloads in a zone. */
function hours(download: readonly string[], zone = 'Europe/Berlin') {
  return { window: { download }, zone: () => new Zone(zone) };
}

const opens = (texts: readonly string[], now: string) => iso(closedUntil('download', hours(texts), at(now)));

describe('windows: hours', () => {
  it('are always open without a setting', () => {
    const none = { window: undefined, zone: () => expect.unreachable() };
    expect(closedUntil('download', none, 0)).toBeNull();
    expect(closedUntil('publish', hours(['22:00-05:00']), 0)).toBeNull();
    expect(beginsAt('download', none, { nowMs: 7, delayMs: MINUTE })).toBe(7);
  });

  it('span midnight, and days name their beginning', () => {
    expect(opens(['22:00-05:00'], '2026-12-02T20:00Z')).toBe('2026-12-02T21:00');
    expect(opens(['22:00-05:00'], '2026-12-03T03:59Z')).toBeNull();
    expect(opens(['22:00-05:00'], '2026-12-03T04:00Z')).toBe('2026-12-03T21:00');
    expect(opens(['Fri 22:00-05:00', 'Sun 00:00-24:00'], '2026-12-05T04:00Z')).toBe('2026-12-05T23:00');
  });

  it('follow the changes to summer and winter time', () => {
    // 2027-03-28: 02:00 becomes 03:00. 2027-10-31: 03:00 becomes 02:00.
    expect(opens(['02:30-04:00'], '2027-03-28T00:45Z')).toBe('2027-03-28T01:00');
    expect(opens(['02:10-02:50'], '2027-03-28T00:45Z')).toBe('2027-03-29T00:10');
    expect(opens(['Sun 02:10-02:50'], '2027-03-21T02:00Z')).toBe('2027-04-04T00:10');
    expect(opens(['02:10-02:50'], '2027-10-31T00:55Z')).toBe('2027-10-31T01:10');
  });
});

describe('windows: beginning', () => {
  const begins = (texts: readonly string[], now: string, delayMs = 10 * MINUTE) =>
    iso(beginsAt('download', hours(texts), { nowMs: at(now), delayMs }));

  it('is delayed, also shortly after the hours begin or end', () => {
    for (const now of ['2026-12-02T20:00Z', '2026-12-02T21:00Z', '2026-12-02T21:09Z']) {
      expect(begins(['22:00-05:00'], now)).toBe('2026-12-02T21:10');
    }
    expect(begins(['22:00-05:00'], '2026-12-02T21:10Z')).toBe('2026-12-02T21:10');
    expect(begins(['22:00-05:00'], '2026-12-03T03:30Z')).toBe('2026-12-03T03:30');
    expect(begins(['22:00-05:00'], '2026-12-03T04:05Z')).toBe('2026-12-03T21:10');
  });

  it('is within the hours, however long the delay is', () => {
    expect(begins(['22:00-22:10'], '2026-12-02T20:00Z', 6 * HOUR)).toBe('2026-12-02T21:05');
  });
});

describe('windows: download', () => {
  function download(window: WindowSettings['window'], wall = '2026-12-02T20:59:00Z') {
    const clock = new FakeClock(at(wall));
    const settings: { window: WindowSettings['window']; zone: string } = { window, zone: 'UTC' };
    const windows = new UpdateWindows(clock, () => settings);
    const ending = Promise.withResolvers<AbortSignal>();
    const finish = Promise.withResolvers<string>();
    const stop = new AbortController();
    const ended = windows.whileOpen(stop.signal, (signal) => {
      ending.resolve(signal);
      return finish.promise;
    });
    return { clock, settings, windows, ending: ending.promise, finish, stop, ended };
  }

  it('ends when its hours end, and learns when they begin again', async () => {
    const { clock, ending, finish, ended } = download({ download: ['20:00-21:00'] });
    const signal = await ending;
    clock.advance(59_999);
    expect(signal.aborted).toBe(false);
    clock.advance(1);
    expect(signal.reason).toMatchObject({ code: 'WINDOW-CLOSED', facts: { until: at('2026-12-03T20:00:00Z') } });
    finish.resolve('ended');
    await ended;
    expect(clock.pending).toBe(0);
  });

  it('ends within half a minute after the wall clock leaves its hours', async () => {
    const { clock, ending } = download({ download: ['20:00-21:00'] }, '2026-12-02T20:30:00Z');
    const signal = await ending;
    clock.stepWall(-10 * MINUTE);
    clock.advance(30_000);
    expect(signal.aborted).toBe(false);
    clock.stepWall(2 * HOUR);
    clock.advance(30_000);
    expect(signal.aborted).toBe(true);
  });

  it('follows new settings at once', async () => {
    const closed = download(undefined);
    const signal = await closed.ending;
    closed.settings.window = { download: ['22:00-23:00'] };
    closed.windows.look();
    expect(signal.aborted).toBe(true);

    const extended = download({ download: ['20:00-21:00'] });
    const other = await extended.ending;
    extended.settings.window = { download: ['20:00-22:00'] };
    extended.windows.look();
    extended.clock.advance(30 * MINUTE);
    expect(other.aborted).toBe(false);
  });

  it('does not begin outside its hours', async () => {
    const { ended } = download({ download: ['22:00-23:00'] });
    await expect(ended).rejects.toMatchObject({ code: 'WINDOW-CLOSED' });
    const { clock, ending } = download({ publish: ['22:00-23:00'] });
    await ending;
    expect(clock.pending).toBe(0);
  });

  it('is ended by its own signal as well', async () => {
    const { ending, stop } = download({ download: ['20:00-21:00'] });
    const signal = await ending;
    stop.abort(new Error('stopped'));
    expect(signal.reason).toMatchObject({ message: 'stopped' });
  });
});
