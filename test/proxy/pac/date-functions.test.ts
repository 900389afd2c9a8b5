import { describe, expect, it } from 'vitest';
import { dateRange, timeRange, weekdayRange } from '#proxy/pac/date-functions.ts';

const FUNCTIONS = { dateRange, timeRange, weekdayRange };

/** A moment in a zone two hours before GMT, so that local time and GMT differ in hour, day, month and year. */
function at(local: string): Date {
  const moment = new Date(`${local}+02:00`);
  return Object.assign(moment, { getTimezoneOffset: () => -120 });
}

type Row = readonly [call: string, within: readonly string[], outside: readonly string[]];

/** What the call says at a moment. */
function says(call: string, moment: string): boolean {
  const [, name = '', list = ''] = /^(\w+)\((.*)\)$/.exec(call) ?? [];
  const given = JSON.parse(`[${list}]`) as unknown[];
  return FUNCTIONS[name as keyof typeof FUNCTIONS](at(moment), given);
}

// 2026-11-29 is a Sunday.
const WEEKDAYS: readonly Row[] = [
  [
    'weekdayRange("SUN")',
    ['2026-11-29T00:00:00', '2026-11-29T23:59:59'],
    ['2026-11-28T23:59:59', '2026-11-30T00:00:00'],
  ],
  [
    'weekdayRange("MON", "FRI")',
    ['2026-11-30T00:00:00', '2026-12-04T23:59:59'],
    ['2026-11-29T23:59:59', '2026-12-05T00:00:00'],
  ],
  [
    'weekdayRange("FRI", "MON")',
    ['2026-12-04T12:00:00', '2026-12-05T12:00:00', '2026-11-30T12:00:00'],
    ['2026-12-01T12:00:00', '2026-12-03T12:00:00'],
  ],
  ['weekdayRange("SUN", "SAT")', ['2026-11-29T12:00:00', '2026-12-02T12:00:00', '2026-12-05T12:00:00'], []],
  [
    'weekdayRange("SAT", "SUN")',
    ['2026-11-28T12:00:00', '2026-11-29T12:00:00'],
    ['2026-11-30T12:00:00', '2026-12-04T12:00:00'],
  ],
  ['weekdayRange("TUE", "TUE")', ['2026-12-01T12:00:00'], ['2026-11-30T12:00:00', '2026-12-02T12:00:00']],
  // Local time is two hours ahead: Saturday in GMT lasts until Sunday, 01:59:59.
  [
    'weekdayRange("SAT", "GMT")',
    ['2026-11-29T01:59:59', '2026-11-28T02:00:00'],
    ['2026-11-28T01:59:59', '2026-11-29T02:00:00'],
  ],
  ['weekdayRange("MON", "FRI", "GMT")', ['2026-12-05T01:59:59'], ['2026-11-30T01:59:59', '2026-12-05T02:00:00']],
  ['weekdayRange("sat", null)', ['2026-11-28T12:00:00'], ['2026-11-29T12:00:00']],
];

const DATES: readonly Row[] = [
  ['dateRange(1)', ['2026-01-01T00:00:00', '2026-12-01T23:59:59'], ['2026-01-02T00:00:00', '2026-12-31T23:59:59']],
  ['dateRange(1, "GMT")', ['2026-12-02T01:59:59'], ['2026-12-01T01:59:59', '2026-12-02T02:00:00']],
  ['dateRange(1, 15)', ['2026-02-01T00:00:00', '2026-02-15T23:59:59'], ['2026-02-16T00:00:00', '2026-01-31T23:59:59']],
  ['dateRange(25, 5)', ['2026-02-25T00:00:00', '2026-02-05T23:59:59'], ['2026-02-06T00:00:00', '2026-02-24T23:59:59']],
  ['dateRange("DEC")', ['2026-12-01T00:00:00', '2027-12-31T23:59:59'], ['2026-11-30T23:59:59', '2027-01-01T00:00:00']],
  ['dateRange("DEC", "GMT")', ['2027-01-01T01:59:59'], ['2026-12-01T01:59:59']],
  [
    'dateRange("JAN", "MAR")',
    ['2026-01-01T00:00:00', '2026-03-31T23:59:59'],
    ['2026-04-01T00:00:00', '2025-12-31T23:59:59'],
  ],
  [
    'dateRange("NOV", "FEB")',
    ['2026-11-01T00:00:00', '2026-01-15T12:00:00', '2026-02-28T23:59:59'],
    ['2026-03-01T00:00:00', '2026-10-31T23:59:59'],
  ],
  ['dateRange(2026)', ['2026-01-01T00:00:00', '2026-12-31T23:59:59'], ['2025-12-31T23:59:59', '2027-01-01T00:00:00']],
  ['dateRange(2026, "GMT")', ['2027-01-01T01:59:59'], ['2026-01-01T01:59:59']],
  [
    'dateRange(2025, 2027)',
    ['2025-01-01T00:00:00', '2026-06-15T12:00:00', '2027-12-31T23:59:59'],
    ['2024-12-31T23:59:59', '2028-01-01T00:00:00'],
  ],
  ['dateRange(2027, 2025)', [], ['2024-06-15T12:00:00', '2026-06-15T12:00:00', '2028-06-15T12:00:00']],
  [
    'dateRange(24, "DEC")',
    ['2026-12-24T00:00:00', '2030-12-24T23:59:59'],
    ['2026-12-25T00:00:00', '2026-11-24T12:00:00'],
  ],
  [
    'dateRange("DEC", 2026)',
    ['2026-12-01T00:00:00', '2026-12-31T23:59:59'],
    ['2025-12-31T23:59:59', '2026-11-30T23:59:59'],
  ],
  [
    'dateRange(24, "DEC", 2026)',
    ['2026-12-24T00:00:00', '2026-12-24T23:59:59'],
    ['2027-12-24T12:00:00', '2026-12-25T00:00:00'],
  ],
  [
    'dateRange(1, "JUN", 15, "AUG")',
    ['2026-06-01T00:00:00', '2026-07-31T12:00:00', '2026-08-15T23:59:59'],
    ['2026-05-31T23:59:59', '2026-08-16T00:00:00'],
  ],
  [
    'dateRange(20, "DEC", 6, "JAN")',
    ['2026-12-20T00:00:00', '2026-12-31T12:00:00', '2027-01-06T23:59:59'],
    ['2026-12-19T23:59:59', '2027-01-07T00:00:00'],
  ],
  [
    'dateRange("OCT", 2025, "MAR", 2026)',
    ['2025-10-01T00:00:00', '2026-01-15T12:00:00', '2026-03-31T23:59:59'],
    ['2025-09-30T23:59:59', '2026-04-01T00:00:00', '2026-10-15T12:00:00'],
  ],
  [
    'dateRange(1, "JUN", 2026, 15, "AUG", 2026)',
    ['2026-06-01T00:00:00', '2026-08-15T23:59:59'],
    ['2025-07-01T12:00:00', '2026-05-31T23:59:59', '2026-08-16T00:00:00'],
  ],
  [
    'dateRange(1, "JUN", 2026, 15, "AUG", 2026, "GMT")',
    ['2026-06-01T02:00:00', '2026-08-16T01:59:59'],
    ['2026-06-01T01:59:59', '2026-08-16T02:00:00'],
  ],
  ['dateRange(15, "AUG", 2026, 1, "JUN", 2026)', [], ['2026-07-01T12:00:00', '2026-09-01T12:00:00']],
  // Numbers as text, which browsers read as numbers.
  ['dateRange("1", "dec")', ['2026-12-01T12:00:00'], ['2026-12-02T12:00:00']],
];

const TIMES: readonly Row[] = [
  ['timeRange(12)', ['2026-06-15T12:00:00', '2026-06-15T12:59:59'], ['2026-06-15T11:59:59', '2026-06-15T13:00:00']],
  ['timeRange(12, 13)', ['2026-06-15T12:00:00', '2026-06-15T12:59:59'], ['2026-06-15T11:59:59', '2026-06-15T13:00:00']],
  [
    'timeRange(12, "GMT")',
    ['2026-06-15T14:00:00', '2026-06-15T14:59:59'],
    ['2026-06-15T13:59:59', '2026-06-15T15:00:00'],
  ],
  ['timeRange(0)', ['2026-06-15T00:00:00', '2026-06-15T00:59:59'], ['2026-06-14T23:59:59', '2026-06-15T01:00:00']],
  ['timeRange(9, 17)', ['2026-06-15T09:00:00', '2026-06-15T16:59:59'], ['2026-06-15T08:59:59', '2026-06-15T17:00:00']],
  [
    'timeRange(9, 17, "GMT")',
    ['2026-06-15T11:00:00', '2026-06-15T18:59:59'],
    ['2026-06-15T10:59:59', '2026-06-15T19:00:00'],
  ],
  [
    'timeRange(22, 6)',
    ['2026-06-15T22:00:00', '2026-06-15T23:59:59', '2026-06-15T00:00:00', '2026-06-15T05:59:59'],
    ['2026-06-15T06:00:00', '2026-06-15T21:59:59'],
  ],
  ['timeRange(0, 24)', ['2026-06-15T00:00:00', '2026-06-15T23:59:59'], []],
  ['timeRange(22, 0)', ['2026-06-15T22:00:00', '2026-06-15T23:59:59'], ['2026-06-15T00:00:00', '2026-06-15T21:59:59']],
  ['timeRange(12, 12)', ['2026-06-15T12:30:00'], ['2026-06-15T13:00:00', '2026-06-15T11:59:59']],
  [
    'timeRange(8, 30, 17, 0)',
    ['2026-06-15T08:30:00', '2026-06-15T17:00:59'],
    ['2026-06-15T08:29:59', '2026-06-15T17:01:00'],
  ],
  [
    'timeRange(22, 30, 6, 15)',
    ['2026-06-15T22:30:00', '2026-06-15T06:15:59'],
    ['2026-06-15T22:29:59', '2026-06-15T06:16:00'],
  ],
  [
    'timeRange(8, 30, 17, 0, "GMT")',
    ['2026-06-15T10:30:00', '2026-06-15T19:00:59'],
    ['2026-06-15T10:29:59', '2026-06-15T19:01:00'],
  ],
  [
    'timeRange(0, 0, 0, 0, 0, 30)',
    ['2026-06-15T00:00:00', '2026-06-15T00:00:30'],
    ['2026-06-15T00:00:31', '2026-06-14T23:59:59'],
  ],
  [
    'timeRange(23, 59, 50, 0, 0, 10)',
    ['2026-06-15T23:59:50', '2026-06-15T00:00:10'],
    ['2026-06-15T23:59:49', '2026-06-15T00:00:11'],
  ],
  [
    'timeRange(0, 0, 0, 0, 0, 30, "GMT")',
    ['2026-06-15T02:00:00', '2026-06-15T02:00:30'],
    ['2026-06-15T02:00:31', '2026-06-15T00:00:10'],
  ],
];

describe.each([...WEEKDAYS, ...DATES, ...TIMES])('%s', (call, within, outside) => {
  it(`is true within its bounds${outside.length > 0 ? ' and false outside of them' : ''}`, () => {
    expect(within.filter((moment) => !says(call, moment))).toEqual([]);
    expect(outside.filter((moment) => says(call, moment))).toEqual([]);
  });
});

describe('functions of dates and times', () => {
  it.each([
    ['weekdayRange()', /1, 2 arguments and GMT; it was given 0/],
    ['weekdayRange("GMT")', /it was given 0/],
    ['weekdayRange("MONDAY")', /"MONDAY", which is not a weekday \(SUN, MON/],
    ['weekdayRange(1)', /1, which is not a weekday/],
    ['weekdayRange("MON", "TUE", "WED")', /it was given 3/],
    ['dateRange()', /it was given 0/],
    ['dateRange(0)', /0, which is not a day, a year, or a month/],
    ['dateRange("1.")', /which is not a day/],
    ['dateRange("JANUARY")', /"JANUARY", which is not a day/],
    ['dateRange(1, 2, 3)', /neither one date nor two dates/],
    ['dateRange("JAN", 2026, 2027, "FEB")', /neither one date nor two dates/],
    ['dateRange(1, "JAN", 2, "FEB", 2026)', /it was given 5/],
    ['timeRange()', /it was given 0/],
    ['timeRange(25)', /25, which is not a number from 0 to 24/],
    ['timeRange(8, 60, 17, 0)', /60, which is not a number from 0 to 59/],
    ['timeRange("noon")', /"noon"/],
    ['timeRange(1, 2, 3)', /it was given 3/],
  ])('refuse %s, which has no meaning', (call, reason) => {
    expect(() => says(call, '2026-06-15T12:00:00')).toThrow(reason);
  });
});
