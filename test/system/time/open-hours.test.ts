import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HoursRange, isOpen, nextChange, readHours } from '#system/time/open-hours.ts';
import { Zone } from '#system/time/zone.ts';

const BERLIN = new Zone('Europe/Berlin');
const at = (text: string) => Date.parse(text);

function ranges(...texts: string[]): HoursRange[] {
  return texts.map((text) => {
    const range = readHours(text);
    if (range === null) throw new TypeError(text);
    return range;
  });
}

/** The times at which hours open and close, from a moment on. */
function changes(hours: readonly HoursRange[], from: string, count: number): string[] {
  const found: string[] = [];
  let moment: number | null = at(from);
  while (found.length < count && moment !== null) {
    moment = nextChange(hours, BERLIN, moment);
    if (moment !== null)
      found.push(`${isOpen(hours, BERLIN, moment) ? 'opens' : 'closes'} ${new Date(moment).toISOString()}`);
  }
  return found;
}

describe('open hours', () => {
  it.each([
    '',
    '22-05',
    '22:00',
    '24:00-05:00',
    '22:00-24:01',
    '22:60-23:00',
    '22:00-22:00',
    'Fun 22:00-23:00',
    'Mon-Tue-Wed 22:00-23:00',
  ])('are not written %j', (text) => expect(readHours(text)).toBeNull());

  it('may span midnight; their days are those on which they begin', () => {
    const hours = ranges('Fri 22:00-05:00');
    expect(isOpen(hours, BERLIN, at('2026-12-04T21:00:00Z'))).toBe(true);
    expect(isOpen(hours, BERLIN, at('2026-12-05T03:59:59Z'))).toBe(true);
    expect(isOpen(hours, BERLIN, at('2026-12-05T04:00:00Z'))).toBe(false);
    expect(isOpen(hours, BERLIN, at('2026-12-05T21:30:00Z'))).toBe(false);
    expect(changes(hours, '2026-12-05T12:00:00Z', 2)).toEqual([
      'opens 2026-12-11T21:00:00.000Z',
      'closes 2026-12-12T04:00:00.000Z',
    ]);
  });

  it('accept days as a range over the end of the week, and whole days', () => {
    expect(readHours('Fri-Mon,Wed 00:00-24:00')?.days).toEqual(new Set([5, 6, 0, 1, 3]));
    expect(nextChange(ranges('00:00-24:00'), BERLIN, at('2026-12-04T21:00:00Z'))).toBeNull();
    expect(changes(ranges('Sat,Sun 00:00-24:00'), '2026-12-02T00:00:00Z', 2)).toEqual([
      'opens 2026-12-04T23:00:00.000Z',
      'closes 2026-12-06T23:00:00.000Z',
    ]);
  });

  it('on 29 March lose the hour that summer time skips', () => {
    expect(changes(ranges('22:00-05:00'), '2026-03-28T12:00:00Z', 2)).toEqual([
      'opens 2026-03-28T21:00:00.000Z',
      'closes 2026-03-29T03:00:00.000Z',
    ]);
    expect(changes(ranges('02:15-03:30'), '2026-03-28T12:00:00Z', 2)).toEqual([
      'opens 2026-03-29T01:00:00.000Z',
      'closes 2026-03-29T01:30:00.000Z',
    ]);
    expect(changes(ranges('02:15-02:45'), '2026-03-28T12:00:00Z', 1)).toEqual(['opens 2026-03-30T00:15:00.000Z']);
  });

  it('on 25 October are open in both hours that have the same time', () => {
    expect(changes(ranges('22:00-05:00'), '2026-10-24T12:00:00Z', 2)).toEqual([
      'opens 2026-10-24T20:00:00.000Z',
      'closes 2026-10-25T04:00:00.000Z',
    ]);
    expect(changes(ranges('02:15-02:45'), '2026-10-24T12:00:00Z', 4)).toEqual([
      'opens 2026-10-25T00:15:00.000Z',
      'closes 2026-10-25T00:45:00.000Z',
      'opens 2026-10-25T01:15:00.000Z',
      'closes 2026-10-25T01:45:00.000Z',
    ]);
  });

  it('change next where a search minute by minute finds it', () => {
    const minute = fc.integer({ min: 0, max: 1_439 });
    const range = fc
      .record({
        days: fc.option(fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { minLength: 1 })),
        from: minute,
        to: minute,
      })
      .filter(({ from, to }) => from !== to)
      .map(({ days, ...times }) => ({ ...times, days: days === null ? null : new Set(days) }));
    const zones = [BERLIN, new Zone('Australia/Lord_Howe'), new Zone('Asia/Kathmandu')];
    // Around both changes of Berlin and of Lord Howe, and elsewhere.
    const days = ['2026-03-28', '2026-10-24', '2026-04-04', '2026-10-03', '2026-07-01'].map((day) =>
      at(`${day}T06:00:00Z`),
    );
    fc.assert(
      fc.property(
        fc.array(range, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(...zones),
        fc.constantFrom(...days),
        (hours, zone, from) => {
          const found = nextChange(hours, zone, from);
          const first = isOpen(hours, zone, from);
          let stepped: number | null = null;
          for (let moment = from; moment < from + 2 * 86_400_000 && stepped === null; moment += 60_000) {
            if (isOpen(hours, zone, moment) !== first) stepped = moment;
          }
          if (stepped !== null) expect(found).toBe(stepped);
          else if (found !== null) expect(found).toBeGreaterThanOrEqual(from + 2 * 86_400_000);
        },
      ),
      { numRuns: 30 },
    );
  });
});
