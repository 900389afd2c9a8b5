import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { progressBar } from '#logging/progress-bar.ts';
import { ANY_CHARACTER } from '#test/support/any-character.ts';

const HALF = { id: '1602503', received: 5_000_000, length: 10_000_000, rate: 2_000_000 };

describe('the progress bar', () => {
  it('progress bar: it shows the share, the bytes, the speed and the time left', () => {
    expect(progressBar(HALF, 100)).toBe(
      `1602503 [${'#'.repeat(20)}${'-'.repeat(20)}]  50%  5.0 MB of 10.0 MB  2.0 MB/s  3 s left`,
    );
  });

  it('progress bar: a narrow window makes it shorter, then leaves parts out', () => {
    expect(progressBar(HALF, 70)).toBe('1602503 [########--------]  50%  5.0 MB of 10.0 MB  2.0 MB/s  3 s left');
    expect(progressBar(HALF, 60)).toBe('1602503  50%  5.0 MB of 10.0 MB  2.0 MB/s  3 s left');
    expect(progressBar(HALF, 45)).toBe('1602503  50%  5.0 MB of 10.0 MB  2.0 MB/s');
    expect(progressBar(HALF, 35)).toBe('1602503  50%  5.0 MB of 10.0 MB');
    expect(progressBar(HALF, 20)).toBe('1602503  50%');
    expect(progressBar(HALF, 4)).toBe('1602');
  });

  it('progress bar: with an unknown length it shows only the bytes', () => {
    expect(progressBar({ ...HALF, length: null }, 80)).toBe('1602503 5.0 MB  2.0 MB/s');
  });

  it('progress bar: there is no time left at the end and without a speed', () => {
    for (const progress of [
      { ...HALF, received: 10_000_000 },
      { ...HALF, rate: 0 },
      { ...HALF, rate: null },
    ]) {
      expect(progressBar(progress, 100)).not.toContain('left');
    }
  });

  it('progress bar: it is never more than full', () => {
    expect(progressBar({ ...HALF, received: 30_000_000 }, 100)).toContain(`[${'#'.repeat(40)}] 100%`);
  });

  it('progress bar: it fits the window in plain ASCII, whatever the ID and the figures', () => {
    const bytes = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    const progress = fc.record({
      id: fc.string({ unit: ANY_CHARACTER }),
      received: bytes,
      length: fc.option(bytes),
      rate: fc.option(fc.double({ min: 0, max: 1e15, noNaN: true })),
    });
    fc.assert(
      fc.property(progress, fc.integer({ min: 1, max: 300 }), (value, columns) => {
        const line = progressBar(value, columns);

        expect(line.length).toBeLessThanOrEqual(columns);
        expect(line).toMatch(/^[ -~]*$/);
      }),
    );
  });
});
