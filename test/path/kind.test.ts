import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { kindOfRoute, kindOfTransfer, PATH_KINDS, type TransferShape } from '#path/kind.ts';

/** Milliseconds of: first byte, a tenth, all but a tenth, the end. */
function transfer(times: readonly [number, number, number, number], over: Partial<TransferShape> = {}): TransferShape {
  const [firstByteMs, earlyMs, lateMs, endedMs] = times;
  return {
    firstByteMs,
    earlyMs,
    lateMs,
    endedMs,
    timedOut: false,
    whole: true,
    cached: false,
    throttled: false,
    ...over,
  };
}

const broken = (over: Partial<TransferShape>) =>
  transfer([0, 0, 0, 30_000], { whole: false, firstByteMs: null, earlyMs: null, lateMs: null, ...over });

describe('path kind: a transfer', () => {
  it.each([
    ['streaming', 'bytes come evenly', transfer([80, 2_000, 18_000, 20_000])],
    ['streaming', 'it is over at once', transfer([40, 41, 45, 46])],
    ['streaming', 'it stalls in the middle', transfer([80, 200, 19_900, 20_000])],
    ['held', 'nothing comes, then all of it', transfer([53_000, 53_100, 54_000, 54_100])],
    ['held', 'a long pause is followed by a slow line', transfer([30_000, 34_000, 75_000, 80_000])],
    ['trickled', 'the first tenth takes most of the time', transfer([100, 50_000, 51_000, 51_200])],
    ['trickled', 'drops come after a hold', transfer([10_000, 50_000, 51_000, 51_200])],
    ['tail_held', 'the last tenth takes most of the time', transfer([100, 1_000, 9_000, 60_000])],
    ['cached', 'a cache says that it had it', transfer([40, 50, 60, 70], { cached: true })],
    [
      'cached',
      'a cache says so, and our own limit slowed it',
      transfer([40, 50, 60, 70], { cached: true, throttled: true }),
    ],
    ['dead', 'a deadline ends a silence', broken({ timedOut: true })],
    ['dead', 'a deadline ends a silence in the middle', broken({ timedOut: true, firstByteMs: 50, earlyMs: 60 })],
    ['trickled', 'a deadline ends a drip', broken({ timedOut: true, firstByteMs: 50 })],
  ])('is %s if %s', (kind, _where, shape) => {
    expect(kindOfTransfer(shape)).toBe(kind);
  });

  it('has no kind after an unrelated failure', () => {
    expect(kindOfTransfer(broken({}))).toBeNull();
  });
});

describe('path kind: a route', () => {
  it.each([
    [[], null],
    [['held'], 'held'],
    [['streaming', 'streaming', 'held', 'held'], 'held'],
    [['held', 'held', 'streaming'], 'held'],
    [['held', 'cached', 'cached', 'cached'], 'held'],
    [['cached', 'cached'], 'cached'],
    [['held', 'dead', 'dead'], 'held'],
    [['held', 'held', 'dead', 'dead', 'dead'], 'dead'],
    [['dead', 'dead', 'dead', 'streaming'], 'streaming'],
    [['dead'], 'dead'],
  ] as const)('of %j is %s', (last, kind) => {
    expect(kindOfRoute(last)).toBe(kind);
  });

  it('is an observed one', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...PATH_KINDS), { minLength: 1 }), (last) => {
        expect(last).toContain(kindOfRoute(last));
      }),
    );
  });
});
