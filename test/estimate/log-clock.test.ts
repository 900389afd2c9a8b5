import { describe, expect, it } from 'vitest';
import { LogClock } from '#estimate/log-clock.ts';
import { Zone } from '#system/time/zone.ts';

/** The note for each of these times, and the seconds since the first one. */
function follow(zone: string, stamps: readonly string[]) {
  const clock = new LogClock(new Zone(zone));
  const seen = stamps.map((stamp) => ({ note: clock.see(stamp), at: clock.at(stamp) }));
  const [first] = seen;
  return {
    notes: seen.map(({ note }) => note?.kind ?? null),
    seconds: seen.map(({ at }) => (at - (first?.at ?? 0)) / 1_000),
  };
}

describe('the times of an old log', () => {
  it('are correct across the end of summer time, when an hour repeats', () => {
    const stamps = ['2026-10-25T02:59:50', '2026-10-25T02:00:10', '2026-10-25T02:30:00', '2026-10-25T03:00:10'];
    expect(follow('Europe/Berlin', stamps)).toEqual({
      notes: [null, 'summer-time', null, null],
      seconds: [0, 20, 1_810, 3_620],
    });
  });

  it('are correct across its beginning, when an hour is skipped', () => {
    expect(follow('Europe/Berlin', ['2026-03-29T01:59:50', '2026-03-29T03:00:10']).seconds).toEqual([0, 20]);
  });

  it('allow for half an hour of summer time', () => {
    const { notes, seconds } = follow('Australia/Lord_Howe', ['2026-04-05T01:59:50', '2026-04-05T01:30:10']);
    expect({ notes, seconds }).toEqual({ notes: [null, 'summer-time'], seconds: [0, 20] });
  });

  it('may be out of order by two seconds', () => {
    expect(follow('UTC', ['2026-01-01T00:00:02', '2026-01-01T00:00:00', '2026-01-01T00:00:03']).notes).toEqual([
      null,
      null,
      null,
    ]);
  });

  it.each([
    ['UTC', '2026-10-25T02:59:50', '2026-10-25T02:00:10'],
    ['Europe/Berlin', '2026-11-25T02:59:50', '2026-11-25T02:00:10'],
    ['Europe/Berlin', '2026-10-25T12:00:00', '2026-10-25T02:30:00'],
  ])('that go back in %s from %s to %s show that the clock was set', (zone, before, after) => {
    expect(follow(zone, [before, after]).notes).toEqual([null, 'step']);
  });

  it('continue after a step', () => {
    expect(follow('UTC', ['2026-01-02T00:00:00', '2026-01-01T00:00:00', '2026-01-01T00:00:30']).seconds).toEqual([
      0, -86_400, -86_370,
    ]);
  });

  it('of a log without any order are no longer looked up', () => {
    const clock = new LogClock({ local: () => Number.NaN, reached: (ms) => ms });
    for (let day = 0; day < 5_000; day += 1) {
      clock.see('2026-01-02T00:00:00');
      expect(clock.see('2026-01-01T00:00:00')?.kind).toBe('step');
    }
  });
});
