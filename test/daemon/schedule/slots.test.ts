import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Slots } from '#daemon/schedule/slots.ts';
import { Zone } from '#system/time/zone.ts';

/** The slots after a moment, in UTC to the minute. */
function slotsFrom(expression: string, zone: string, from: string, count: number): string[] {
  const slots = new Slots(expression, new Zone(zone));
  const found: string[] = [];
  for (let after = Date.parse(from); found.length < count; ) {
    const next = slots.next(after);
    if (next === null) break;
    found.push(new Date(next).toISOString().slice(0, 16));
    after = next;
  }
  return found;
}

describe('a schedule', () => {
  it('runs at the change if summer time skips its time', () => {
    expect(slotsFrom('30 2 * * *', 'Europe/Berlin', '2026-03-27T12:00Z', 4)).toEqual([
      '2026-03-28T01:30',
      '2026-03-29T01:00',
      '2026-03-30T00:30',
      '2026-03-31T00:30',
    ]);
  });

  it('runs once at the change if several of its times are skipped', () => {
    expect(slotsFrom('*/20 * * * *', 'Europe/Berlin', '2026-03-29T00:20Z', 3)).toEqual([
      '2026-03-29T00:40',
      '2026-03-29T01:00',
      '2026-03-29T01:20',
    ]);
  });

  it('runs only the first time if a time occurs twice at the end of summer time', () => {
    expect(slotsFrom('30 2 * * *', 'Europe/Berlin', '2026-10-23T12:00Z', 4)).toEqual([
      '2026-10-24T00:30',
      '2026-10-25T00:30',
      '2026-10-26T01:30',
      '2026-10-27T01:30',
    ]);
    expect(slotsFrom('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:10Z', 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-25T02:00',
    ]);
  });

  it('has no slot again when calculated in the second of two equal hours', () => {
    expect(slotsFrom('*/30 * * * *', 'Europe/Berlin', '2026-10-25T01:10Z', 1)).toEqual(['2026-10-25T02:00']);
    expect(slotsFrom('30 2 * * *', 'Europe/Berlin', '2026-10-25T01:10Z', 1)).toEqual(['2026-10-26T01:30']);
  });

  it('runs at the change if midnight is skipped, and once if 23:00 occurs twice', () => {
    expect(slotsFrom('0 0 * * *', 'America/Santiago', '2026-09-05T12:00Z', 2)).toEqual([
      '2026-09-06T04:00',
      '2026-09-07T03:00',
    ]);
    expect(slotsFrom('0 0 * * *', 'America/Santiago', '2026-04-04T12:00Z', 2)).toEqual([
      '2026-04-05T04:00',
      '2026-04-06T04:00',
    ]);
    expect(slotsFrom('30 23 * * *', 'America/Santiago', '2026-04-04T12:00Z', 2)).toEqual([
      '2026-04-05T02:30',
      '2026-04-06T03:30',
    ]);
  });

  it('loses no slot on a skipped day, and supports summer time of half an hour', () => {
    expect(slotsFrom('0 12 * * *', 'Pacific/Apia', '2011-12-29T12:00Z', 3)).toEqual([
      '2011-12-29T22:00',
      '2011-12-30T10:00',
      '2011-12-30T22:00',
    ]);
    expect(slotsFrom('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T12:00Z', 2)).toEqual([
      '2026-10-03T15:30',
      '2026-10-04T15:15',
    ]);
  });

  it('follows node-cron: both days must match, names and steps work, 29 February waits', () => {
    expect(slotsFrom('0 6 1-7 * mon', 'UTC', '2026-01-28T12:00Z', 2)).toEqual(['2026-02-02T06:00', '2026-03-02T06:00']);
    expect(slotsFrom('0 0 29 2 1', 'UTC', '2026-01-01T00:00Z', 2)).toEqual(['2044-02-29T00:00', '2072-02-29T00:00']);
    expect(slotsFrom('0 0 L 2 *', 'UTC', '2027-01-01T00:00Z', 2)).toEqual(['2027-02-28T00:00', '2028-02-29T00:00']);
  });

  it('that never has a slot is reported as such', () => {
    expect(slotsFrom('0 0 1 * 5#5', 'UTC', '2026-01-01T00:00Z', 1)).toEqual([]);
  });

  it('has slots in the future, in order, at its time unless that time was skipped', () => {
    const zones = ['Europe/Berlin', 'America/Santiago', 'Africa/Cairo', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC'];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.integer({ min: 0, max: 23 }),
        fc.integer({ min: 0, max: 59 }),
        fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2035, 0) }),
        (name, hour, minute, after) => {
          const zone = new Zone(name);
          const next = new Slots(`${minute} ${hour} * * *`, zone).next(after) ?? 0;

          expect(next).toBeGreaterThan(after);
          expect(next - after).toBeLessThanOrEqual(25.5 * 3_600_000);
          const wanted = (hour * 60 + minute) * 60_000;
          const shown = zone.local(next) % 86_400_000;
          const skipped = zone.local(next) - zone.local(next - 1) > 1;
          expect(skipped ? wanted : shown).toBe(wanted);
        },
      ),
      { numRuns: 300 },
    );
  });
});
