import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyBucket, pauseOf, withTaken } from '#transfer/throttle/token-bucket.ts';

const RATE = fc.integer({ min: 1_000, max: 2_000_000_000 });
/** What one read brings, and how late the timer of a pause is. */
const READS = fc.array(
  fc.record({ bytes: fc.integer({ min: 1, max: 65_536 }), lateMs: fc.integer({ min: 0, max: 40 }) }),
  { minLength: 50, maxLength: 300 },
);

/** Reads as fast as the pauses allow. */
function read(bytesPerSecond: number, reads: readonly { readonly bytes: number; readonly lateMs: number }[]) {
  let nowMs = 0;
  let total = 0;
  let bucket = emptyBucket(nowMs);
  for (const { bytes, lateMs } of reads) {
    total += bytes;
    bucket = withTaken(bucket, { bytesPerSecond, nowMs, bytes });
    const pause = pauseOf(bucket, bytesPerSecond);
    if (pause > 0) nowMs += pause + lateMs;
  }
  return { nowMs, total, left: bucket.tokens };
}

describe('token bucket', () => {
  it('never exceeds the rate by more than a read and what was saved', () => {
    fc.assert(
      fc.property(RATE, READS, (rate, reads) => {
        const { nowMs, total } = read(rate, reads);
        expect(total).toBeLessThanOrEqual((rate * nowMs) / 1_000 + 65_536 + rate * 0.1 + rate * 0.005);
      }),
    );
  });

  it('lets the whole rate through, although timers are late', () => {
    fc.assert(
      fc.property(RATE, READS, (rate, reads) => {
        const { nowMs, total, left } = read(rate, reads);
        // The last pause may be long after the last read.
        expect(total).toBeGreaterThanOrEqual((rate * nowMs) / 1_000 - Math.max(0, left) - 65_536 - rate * 0.05);
      }),
    );
  });

  it('saves up tokens for at most a tenth of a second', () => {
    const idle = withTaken(emptyBucket(0), { bytesPerSecond: 1_000, nowMs: 3_600_000, bytes: 0 });
    expect(idle.tokens).toBe(100);
  });

  it('lets a reader continue when its own bytes are paid', () => {
    const mine = withTaken(emptyBucket(0), { bytesPerSecond: 1_000, nowMs: 0, bytes: 1_000 });
    const later = withTaken(mine, { bytesPerSecond: 1_000, nowMs: 400, bytes: 5_000 });
    expect(pauseOf(later, 1_000, mine.taken)).toBe(600);
    expect(pauseOf(later, 1_000)).toBe(5_600);
  });

  it('is not refilled by a clock that stands still or goes back', () => {
    const bucket = withTaken({ tokens: 0, atMs: 500, taken: 0 }, { bytesPerSecond: 1_000, nowMs: 400, bytes: 10 });
    expect(bucket).toEqual({ tokens: -10, atMs: 500, taken: 10 });
  });
});
