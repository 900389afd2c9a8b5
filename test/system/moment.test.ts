// Any number from outside: a moment can be written and shown in a zone, and valid moments are unchanged.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clampMoment, LAST_MOMENT_MS, utcTime } from '#system/moment.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { Zone } from '#system/time/zone.ts';

const ANY = fc.oneof(fc.double(), fc.maxSafeInteger(), fc.constantFrom(1e300, -1e300, 8.64e15 + 1, Number.NaN));
const berlin = new Zone('Europe/Berlin');

describe('a moment', () => {
  it('moment: any number is written as RFC 3339', () => {
    fc.assert(
      fc.property(ANY, (ms) => {
        expect(utcTime(ms)).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      }),
    );
  });

  it('moment: from 1970 to 9999 it is written as Date writes it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LAST_MOMENT_MS }), (ms) => {
        expect(utcTime(ms)).toBe(new Date(ms).toISOString());
      }),
    );
  });

  it('moment: a time of a state file is clamped to the range of a clock', () => {
    expect([1e300, -1, 5].map((ms) => momentSchema.parse(ms))).toEqual([LAST_MOMENT_MS, 0, 5]);
    expect(clampMoment(Number.NaN)).toBe(0);
  });

  it('moment: any number has a local time in a zone', () => {
    fc.assert(
      fc.property(ANY, (ms) => {
        expect(Number.isFinite(berlin.local(ms))).toBe(true);
        expect(Number.isFinite(berlin.reached(ms))).toBe(true);
      }),
    );
  });

  it('moment: a fraction of a millisecond has a local time, and its search ends', () => {
    for (const ms of [1.05, 10.2, 0.7, 5e-324]) expect(berlin.reached(ms)).toBe(berlin.reached(Math.floor(ms)));
  });
});
