import { describe, expect, it } from 'vitest';
import { Zone } from '#system/time/zone.ts';
import { bandwidthAt } from '#transfer/throttle/bandwidth.ts';

const zone = () => new Zone('Europe/Berlin');
const NOON = Date.parse('2026-12-02T11:00:00Z');
const NIGHT = Date.parse('2026-12-02T23:00:00Z');

describe('bandwidth at a time', () => {
  it('is unlimited without a setting, and makes no time zone', () => {
    expect(bandwidthAt(undefined, () => expect.unreachable(), NOON)).toBeNull();
    expect(bandwidthAt({ bytes_per_second: 9_000, by_time: [] }, () => expect.unreachable(), NOON)).toBe(9_000);
  });

  it('is that of the first entry for this time, else the general one', () => {
    const by_time = [
      { hours: '08:00-18:00', bytes_per_second: 1_000 },
      { hours: 'Wed 08:00-20:00', bytes_per_second: 2_000 },
      { hours: '22:00-05:00' },
    ];
    expect(bandwidthAt({ bytes_per_second: 5_000, by_time }, zone, NOON)).toBe(1_000);
    expect(bandwidthAt({ bytes_per_second: 5_000, by_time }, zone, NOON + 7 * 3_600_000)).toBe(2_000);
    expect(bandwidthAt({ bytes_per_second: 5_000, by_time }, zone, NIGHT)).toBeNull();
    expect(bandwidthAt({ bytes_per_second: 5_000, by_time }, zone, NIGHT + 6 * 3_600_000)).toBe(5_000);
  });
});
