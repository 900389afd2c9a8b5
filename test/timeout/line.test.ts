import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lowestLineAbove as aboveHull, at, type Point, upperHull } from '#timeout/line.ts';

function lowestLineAbove(points: readonly Point[], sizes: readonly number[]) {
  return aboveHull(upperHull(points), sizes);
}

const point = fc.record({
  size: fc.oneof(fc.integer({ min: 0, max: 2_000_000_000 }), fc.maxSafeNat()),
  ms: fc.integer({ min: 0, max: 86_400_000 }),
});
const points = fc.array(point, { minLength: 1, maxLength: 60 });

describe('the lowest line above points', () => {
  it('is above every point, and neither part is negative', () => {
    fc.assert(
      fc.property(points, (given) => {
        const line = lowestLineAbove(
          given,
          given.map(({ size }) => size),
        );
        expect(line.baseMs).toBeGreaterThanOrEqual(0);
        expect(line.msPerByte).toBeGreaterThanOrEqual(0);
        for (const { size, ms } of given) expect(at(line, size)).toBeGreaterThanOrEqual(ms - 1e-6 * ms);
      }),
    );
  });

  it('is exact if the points are on a line', () => {
    const given = [1, 10, 100].map((mb) => ({ size: mb * 1e6, ms: 500 + 510 * mb }));
    const line = lowestLineAbove(
      given,
      given.map(({ size }) => size),
    );
    expect(line.baseMs).toBeCloseTo(500, 6);
    expect(line.msPerByte * 1e6).toBeCloseTo(510, 6);
  });

  it('is flat if size makes no difference', () => {
    const given = [1, 10, 100].map((mb) => ({ size: mb * 1e6, ms: 700 }));
    expect(
      lowestLineAbove(
        given,
        given.map(({ size }) => size),
      ),
    ).toEqual({ baseMs: 700, msPerByte: 0 });
  });

  it('is not pulled down by fast outliers such as cache hits', () => {
    const slow = [1, 10, 100].map((mb) => ({ size: mb * 1e6, ms: 1_000 * mb }));
    const hits = Array.from({ length: 50 }, (_none, index) => ({ size: index * 2e6, ms: 20 }));
    const line = lowestLineAbove(
      [...slow, ...hits],
      slow.map(({ size }) => size),
    );
    expect(at(line, 1e8)).toBeCloseTo(100_000, 3);
  });
});
