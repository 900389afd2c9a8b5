import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advise, type MeasuredPackage } from '#estimate/advice.ts';

function measured(over: Partial<MeasuredPackage>): MeasuredPackage {
  return {
    id: 'u',
    beganMs: 0,
    endedMs: 57_000,
    elapsedMs: 57_000,
    silenceMs: 53_000,
    overlapped: false,
    resumed: false,
    attempts: 1,
    size: 20_000_000,
    ...over,
  };
}

describe('the advice', () => {
  it("is never below the manual's tip", () => {
    expect(advise([measured({})], 0)).toMatchObject({ baseMs: 300_000, observedMs: 53_000, tipDecides: true });
  });

  it('is twice the measured silence if that is more', () => {
    expect(advise([measured({ silenceMs: 400_500 })], 0)).toMatchObject({ baseMs: 801_000, tipDecides: false });
  });

  it('covers the largest package in the folder, even if it was not measured', () => {
    expect(advise([measured({})], 200_000_000)).toMatchObject({ baseMs: 1_060_000, largestMs: 530_000 });
  });

  it('estimates multiples of the largest measured size, and the largest file', () => {
    const sizes = advise([measured({})], 70_000_000).estimates.map(({ size }) => size / 1_000_000);
    expect(sizes).toEqual([20, 40, 70, 100, 200]);
  });

  it('ignores unknown and resumed sizes, but not their silence', () => {
    const advice = advise(
      [measured({ size: null, silenceMs: 500_000 }), measured({ resumed: true, silenceMs: 600_000 })],
      0,
    );
    expect(advice).toMatchObject({ baseMs: 1_200_000, largestMs: null, estimates: [] });
  });

  it('stays within the range of the setting, and covers the measured silence', () => {
    const one = fc.record({
      size: fc.option(fc.nat()),
      silenceMs: fc.integer({ min: 0, max: 2 ** 40 }),
      elapsedMs: fc.integer({ min: 0, max: 2 ** 40 }),
      resumed: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 30 }), fc.maxSafeNat(), (packages, largest) => {
        const { baseMs, observedMs } = advise(packages.map(measured), largest);
        expect(Number.isInteger(baseMs)).toBe(true);
        expect(baseMs).toBeLessThanOrEqual(2_147_483_647);
        expect(baseMs).toBeGreaterThanOrEqual(Math.min(2 * observedMs, 2_147_483_647));
        expect(baseMs).toBeGreaterThanOrEqual(300_000);
      }),
    );
  });
});
