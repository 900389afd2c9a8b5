import { describe, expect, it } from 'vitest';
import { ShapeWatch } from '#path/shape-watch.ts';

describe("a transfer's shape", () => {
  it('has the times of the first byte, a tenth and all but a tenth', () => {
    const shape = new ShapeWatch(1_000, 100);
    shape.received(1_010, 0);
    for (const [at, bytes] of [
      [1_020, 1],
      [1_030, 9],
      [1_040, 10],
      [1_050, 89],
      [1_060, 90],
      [1_070, 100],
    ] as const) {
      shape.received(at, bytes);
    }
    expect(shape.end(1_080, { whole: true, timedOut: false, throttled: false })).toEqual({
      firstByteMs: 20,
      earlyMs: 40,
      lateMs: 60,
      endedMs: 80,
      whole: true,
      timedOut: false,
      cached: false,
      throttled: false,
    });
  });

  it('has null for what never arrived, and what a cache reported', () => {
    const shape = new ShapeWatch(0, 100);
    shape.responded(true);
    expect(shape.end(50, { whole: false, timedOut: true, throttled: false })).toMatchObject({
      firstByteMs: null,
      earlyMs: null,
      lateMs: null,
      cached: true,
    });
  });
});
