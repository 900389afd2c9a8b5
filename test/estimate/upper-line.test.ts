import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type UpperLine, upperLine, valueAt } from '#estimate/upper-line.ts';

const MB = 1_000_000;
const at = (line: UpperLine | null, size: number) => (line === null ? null : Math.round(valueAt(line, size)));

describe('the upper line', () => {
  it('of a single package goes up with the size', () => {
    expect(at(upperLine([{ size: 20 * MB, ms: 53_000 }]), 200 * MB)).toBe(530_000);
  });

  it('finds a fixed part and a pace', () => {
    const points = [1, 10, 100].map((mb) => ({ size: mb * MB, ms: 2_000 + mb * 500 }));
    const line = upperLine([...points, { size: 50 * MB, ms: 3_000 }]);
    expect(at(line, 0)).toBe(2_000);
    expect(at(line, 200 * MB)).toBe(102_000);
  });

  it('is flat where a larger package takes no longer', () => {
    expect(
      at(
        upperLine([
          { size: MB, ms: 8_000 },
          { size: 100 * MB, ms: 8_000 },
        ]),
        1_000 * MB,
      ),
    ).toBe(8_000);
  });

  it('is not there without a size', () => {
    expect(upperLine([])).toBeNull();
    expect(upperLine([{ size: 0, ms: 5_000 }])).toBeNull();
  });

  it('lies above everything that was seen, and never falls', () => {
    const point = fc.record({
      size: fc.integer({ min: 1, max: 2_000_000_000 }),
      ms: fc.integer({ min: 0, max: 86_400_000 }),
    });
    fc.assert(
      fc.property(fc.array(point, { minLength: 1, maxLength: 60 }), (points) => {
        const line = upperLine(points);
        expect(line?.msPerByte).toBeGreaterThanOrEqual(0);
        expect(line?.baseMs).toBeGreaterThanOrEqual(0);
        for (const { size, ms } of points)
          expect(line === null ? 0 : valueAt(line, size)).toBeGreaterThanOrEqual(ms - 1e-3);
      }),
    );
  });
});
