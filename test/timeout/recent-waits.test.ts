import { describe, expect, it } from 'vitest';
import { recentWaits } from '#timeout/recent-waits.ts';

const seen = (size: number, firstByte: number | null, silence: number | null) => ({
  size,
  ms: { first_byte: firstByte, silence, total: 1 },
});

describe('the longest recent wait', () => {
  it('is that of packages of a similar size, before or between bytes', () => {
    const samples = [seen(1, 90, 0), seen(40, 50, 3), seen(48, 10, 53), seen(500, 900, 1)];
    expect(recentWaits(samples, 48)).toEqual({ ms: 53, size: 48, like: true });
  });

  it('is that of any package if none has about the same size', () => {
    expect(recentWaits([seen(1, 90, 0), seen(2, null, 20)], 1_000)).toEqual({ ms: 90, size: 1, like: false });
  });

  it('is absent if nothing arrived', () => {
    expect(recentWaits([], 5)).toBeNull();
  });
});
