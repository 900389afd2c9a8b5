import { describe, expect, it } from 'vitest';
import { adviceFor, NO_ADVICE, shownLimits } from '#path/advice.ts';
import { LIMIT_AGE_MS, type LimitObservation, NO_LIMITS, type PathLimits, withLimit } from '#path/limits.ts';

const MIB = 1_048_576;
const NOW = 1_000_000_000_000;
const DAY = 86_400_000;

const cut = (bytes: number, ms = 1_000): LimitObservation => ({ kind: 'cut', bytes, ms });
const passed = (bytes: number, ms = 1_000): LimitObservation => ({ kind: 'passed', bytes, ms });
const tooBig = (bytes: number): LimitObservation => ({ kind: 'too-big', bytes });

function limitsAfter(observed: readonly LimitObservation[], from: PathLimits = NO_LIMITS, at = NOW): PathLimits {
  return observed.reduce((limits, one) => withLimit(limits, one, at), from);
}
const part = (limits: PathLimits, at = NOW) => adviceFor(limits, false, at).rangeBytes;

describe('limits of a path: cuts', () => {
  it('no advice after one cut, which may be an accident', () => {
    expect(adviceFor(limitsAfter([cut(10 * MIB)]), false, NOW)).toEqual(NO_ADVICE);
    expect(part(limitsAfter([cut(10 * MIB), cut(3 * MIB, 9_000)]))).toBeNull();
  });

  it('parts below the cut once two cuts agree in bytes', () => {
    const limits = limitsAfter([cut(10_000_000, 900), cut(9_700_000, 4_000)]);

    expect(part(limits)).toBe(8_730_000);
    expect(shownLimits(limits, NOW)).toMatchObject([{ kind: 'cut_by_bytes', bytes: 9_700_000, count: 2 }]);
  });

  it('parts of what arrives in time, if two cuts agree only in time', () => {
    const limits = limitsAfter([cut(20 * MIB, 5_000), cut(40 * MIB, 5_200)]);

    expect(part(limits)).toBe(Math.floor(20 * MIB * 0.7));
    expect(shownLimits(limits, NOW)).toMatchObject([{ kind: 'cut_by_time', ms: 5_000 }]);
  });

  it('no parts below 1 MiB, but the cut is shown', () => {
    const limits = limitsAfter([cut(4_096), cut(4_096), cut(4_096)]);

    expect(part(limits)).toBeNull();
    expect(shownLimits(limits, NOW)[0]).toMatchObject({
      bytes: 4_096,
      count: 3,
      words: 'this path cuts connections after 4.1 KB',
      use: 'downloads resume after each cut',
    });
  });

  it('forgotten once a response passed them, but not a smaller one', () => {
    const limits = limitsAfter([cut(10 * MIB), cut(10 * MIB)]);

    expect(part(limitsAfter([passed(9 * MIB, 60_000)], limits))).not.toBeNull();
    expect(limitsAfter([passed(13 * MIB)], limits)).toEqual(NO_LIMITS);
  });

  it('after a week no parts are used, and one more cut restores them', () => {
    const limits = limitsAfter([cut(10 * MIB), cut(10 * MIB)]);
    const later = NOW + LIMIT_AGE_MS;

    expect(part(limits, later)).toBeNull();
    expect(part(limitsAfter([cut(10 * MIB)], limits, later), later)).toBe(9 * MIB);
  });

  it('unused if the clock was set back, forgotten after 30 days', () => {
    const limits = limitsAfter([cut(10 * MIB), cut(10 * MIB)]);

    expect(part(limits, NOW - 1)).toBeNull();
    expect(part(limitsAfter([cut(10 * MIB)], limits, NOW + 31 * DAY), NOW + 31 * DAY)).toBeNull();
  });
});

describe('limits of a path: a cap', () => {
  it('searched downwards from 8 MiB until something passes', () => {
    let limits = limitsAfter([tooBig(200 * MIB)]);
    const tried: number[] = [];
    for (let size = part(limits); size !== null; size = part(limits)) {
      tried.push(size / MIB);
      limits = limitsAfter([tooBig(size)], limits);
    }
    expect(tried).toEqual([8, 4, 2, 1]);
    expect(shownLimits(limits, NOW)).toMatchObject([{ kind: 'size_cap', use: 'no smaller part is requested' }]);
  });

  it('used with the largest part that passed', () => {
    const limits = limitsAfter([tooBig(200 * MIB), passed(8 * MIB), passed(3 * MIB)]);

    expect(part(limits)).toBe(8 * MIB);
    expect(part(limitsAfter([tooBig(8 * MIB)], limits))).toBe(4 * MIB);
  });

  it('forgotten once as much as it refused has passed', () => {
    expect(limitsAfter([tooBig(200 * MIB), passed(200 * MIB)])).toEqual(NO_LIMITS);
  });
});

describe('limits of a path: wrong bytes', () => {
  it('prevent ranges until a range was right, or for a week', () => {
    const limits = limitsAfter([cut(10 * MIB), cut(10 * MIB), { kind: 'wrong-ranges' }]);

    expect(adviceFor(limits, false, NOW)).toMatchObject({ ranges: false, rangeBytes: null });
    expect(adviceFor(limits, false, NOW + LIMIT_AGE_MS).ranges).toBe(true);
    expect(part(limitsAfter([{ kind: 'right-ranges' }], limits))).toBe(9 * MIB);
  });

  it('from a cache bypass caches for a week', () => {
    const limits = limitsAfter([{ kind: 'bad-cache' }]);

    expect([NOW, NOW + LIMIT_AGE_MS].map((at) => adviceFor(limits, false, at).noCache)).toEqual([true, false]);
  });

  it('no parts on a path that ignores ranges', () => {
    expect(adviceFor(limitsAfter([cut(10 * MIB), cut(10 * MIB)]), true, NOW)).toMatchObject({
      ranges: true,
      rangeBytes: null,
    });
  });
});

it('advice: the smaller of two limits decides, and the evidence names both', () => {
  const advice = adviceFor(limitsAfter([cut(4 * MIB), cut(4 * MIB), tooBig(200 * MIB)]), false, NOW);

  expect(advice.rangeBytes).toBe(Math.floor(4 * MIB * 0.9));
  expect(advice.evidence).toBe('this path cuts connections after 4.2 MB, and this path refuses responses of 209.7 MB');
});
