import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anyHistory,
  anyMs,
  anyRoute,
  anySize,
  DAY_MS,
  deadlines,
  error,
  PROXY,
  ROUTE,
  success,
  timeout,
  trainedModel,
} from '#test/support/timeout-histories.ts';
import { type AttemptOutcome, ResponseTimeoutModel, type TimeoutPlan } from '#timeout/model.ts';

const DEFAULTS = { minMs: 10_000, maxMs: 7_200_000, totalMaxMs: 86_400_000 };
const CEILINGS = [DEFAULTS.maxMs, DEFAULTS.maxMs, DEFAULTS.totalMaxMs];
const anyNow = fc.integer({ min: 0, max: 500 * DAY_MS });
const anyPhase = fc.constantFrom('first_byte', 'silence', 'total');
const notANumber = fc.constantFrom(Number.NaN, -1, -0.5, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
const PHASE_AT = ['first_byte', 'silence', 'total'] as const;

function seen(size: number, ms: number, atMs = 0): AttemptOutcome {
  return { size, ok: true, timedOut: null, firstByteMs: ms, longestSilenceMs: 100, totalMs: ms + 1_000, atMs };
}

/** Each deadline of `after` is at least that of `before`. */
function expectNoneLower(after: TimeoutPlan, before: TimeoutPlan): void {
  for (const [index, ms] of deadlines(before).entries()) expect(deadlines(after)[index]).toBeGreaterThanOrEqual(ms);
}

describe('timeout model: a route on which nothing can scan', () => {
  it('timeout model: an unknown route where nothing can scan starts with 2 min for any size', () => {
    const opaque = { ...ROUTE, isOpaque: true };
    const model = new ResponseTimeoutModel();
    const [http, https] = [ROUTE, opaque].map((route) => model.plan(route, 100_000_000, 0));
    expect([http?.firstByteMs, http?.silenceMs]).toEqual([400_000, 400_000]);
    expect([https?.firstByteMs, https?.silenceMs]).toEqual([120_000, 120_000]);
    // A slow link takes as long with TLS.
    expect(https?.totalMs).toBe(http?.totalMs);
    expect(new ResponseTimeoutModel({ baseMs: 500_000 }).plan(opaque, 1, 0).firstByteMs).toBe(500_000);
  });

  it('timeout model: what was measured counts, whether something can scan or not', () => {
    const model = new ResponseTimeoutModel();
    for (let round = 0; round < 12; round += 1) model.observe(ROUTE, seen(10_000_000, 300_000, round));
    const plan = model.plan({ ...ROUTE, isOpaque: true }, 10_000_000, 20);
    expect(plan).toEqual(model.plan(ROUTE, 10_000_000, 20));
    expect(plan.firstByteMs).toBeGreaterThan(300_000);
  });
});

describe('timeout model: a throttled transfer', () => {
  it('teaches the first byte, but not silence and total', () => {
    const model = new ResponseTimeoutModel();
    for (let round = 0; round < 20; round += 1) model.observe(ROUTE, seen(10_000_000, 30_000, round));
    const before = model.plan(ROUTE, 10_000_000, 20);
    const throttled = { ...seen(10_000_000, 60_000, 20), longestSilenceMs: null, totalMs: null };
    for (let round = 0; round < 20; round += 1) model.observe(ROUTE, throttled);
    const after = new ResponseTimeoutModel({}, model.save()).plan(ROUTE, 10_000_000, 21);

    expect(after.firstByteMs).toBeGreaterThan(before.firstByteMs * 1.5);
    expect(after.silenceMs).toBe(before.silenceMs);
  });
});

describe('timeout bounds', () => {
  it('hold for any size, after any history, in whole milliseconds', () => {
    fc.assert(
      fc.property(anyHistory, anyRoute, anySize, anyNow, (history, route, size, now) => {
        for (const [index, ms] of deadlines(trainedModel(history).plan(route, size, now)).entries()) {
          expect(ms).toBeGreaterThanOrEqual(DEFAULTS.minMs);
          expect(ms).toBeLessThanOrEqual(CEILINGS[index] ?? 0);
          expect(Number.isInteger(ms)).toBe(true);
        }
      }),
    );
  });

  it('are those of the settings, between a second and the longest timer', () => {
    const limit = fc.integer({ min: 1, max: 2 ** 40 });
    const bounds = fc.record({ minMs: limit, maxMs: limit, totalMaxMs: limit });
    fc.assert(
      fc.property(anyHistory, bounds, anySize, (history, settings, size) => {
        const plan = trainedModel(history, settings).plan(ROUTE, size, 0);
        const ceilings = [settings.maxMs, settings.maxMs, settings.totalMaxMs];
        for (const [index, ms] of deadlines(plan).entries()) {
          const ceiling = Math.min(2_147_483_647, Math.max(1_000, ceilings[index] ?? 0));
          expect(ms).toBeGreaterThanOrEqual(Math.min(ceiling, Math.max(1_000, settings.minMs)));
          expect(ms).toBeLessThanOrEqual(ceiling);
        }
      }),
    );
  });

  it('start an unknown route at 300 s and a second per MB, or at base_ms', () => {
    const model = new ResponseTimeoutModel();
    expect(deadlines(model.plan(ROUTE, 0, 0))).toEqual([300_000, 300_000, 300_000]);
    expect(deadlines(model.plan(ROUTE, 20_000_000, 0))).toEqual([320_000, 320_000, 320_000]);
    expect(model.plan(ROUTE, 20_000_000, 0)).toMatchObject({ size: 20_000_000, expectedMs: null });
    expect(deadlines(new ResponseTimeoutModel({ baseMs: 400_000 }).plan(ROUTE, 20_000_000, 0))[0]).toBe(400_000);
  });
});

describe('timeout: an impossible number', () => {
  it('throws a RangeError and changes nothing', () => {
    const field = fc.constantFrom('size', 'totalMs', 'atMs', 'firstByteMs', 'longestSilenceMs');
    fc.assert(
      fc.property(anyHistory, fc.oneof(success, timeout, error), field, notANumber, (history, outcome, name, bad) => {
        const model = trainedModel(history);
        const before = JSON.stringify(model.save());
        expect(() => model.observe(ROUTE, { ...outcome, [name]: bad })).toThrow(RangeError);
        expect(() => model.plan(ROUTE, bad, 0)).toThrow(RangeError);
        expect(() => model.plan(ROUTE, 1, bad)).toThrow(RangeError);
        const plan = model.plan(ROUTE, 1, 0);
        expect(() => model.extend(plan, bad, 1)).toThrow(RangeError);
        expect(() => model.extend(plan, 1, bad)).toThrow(RangeError);
        expect(JSON.stringify(model.save())).toBe(before);
      }),
    );
  });
});

describe('timeout: a larger size', () => {
  it('never gets less than a smaller one', () => {
    const size = anySize.filter((bytes) => bytes > 0);
    fc.assert(
      fc.property(fc.tuple(anyHistory, anyRoute, size, size, anyNow), ([history, route, a, b, now]) => {
        const model = trainedModel(history);
        expectNoneLower(model.plan(route, Math.max(a, b), now), model.plan(route, Math.min(a, b), now));
      }),
    );
  });

  it('gets no more than an unknown one, within the observed sizes', () => {
    fc.assert(
      fc.property(anyHistory, anyRoute, anyNow, (history, route, now) => {
        const model = trainedModel(history);
        const largest = Math.max(
          0,
          ...history
            .filter(([at, { ok, timedOut }]) => sameRoute(at, route) && (ok || timedOut !== null))
            .map(([, { size }]) => size),
        );
        expectNoneLower(model.plan(route, 0, now), model.plan(route, largest, now));
      }),
    );
  });
});

describe('a success', () => {
  it('never lowers a deadline below its own duration, or the ceiling', () => {
    fc.assert(
      fc.property(anyHistory, anyRoute, success, (history, route, outcome) => {
        const model = trainedModel(history);
        model.observe(route, outcome);
        const after = deadlines(model.plan(route, outcome.size, outcome.atMs));
        const took = [outcome.firstByteMs, outcome.longestSilenceMs, outcome.totalMs];
        for (const [index, ms] of took.entries()) {
          expect(after[index]).toBeGreaterThanOrEqual(Math.min(CEILINGS[index] ?? 0, ms ?? 0));
        }
      }),
    );
  });

  it('reports that the cold-start allowance is included, as long as it decides', () => {
    const model = new ResponseTimeoutModel();
    model.observe(ROUTE, seen(20_000_000, 1_000));
    expect(model.plan(ROUTE, 20_000_000, 0).explanation).toContain('few downloads have been measured');
    for (let index = 0; index < 9; index += 1) model.observe(ROUTE, seen(20_000_000, 1_000));
    expect(model.plan(ROUTE, 20_000_000, 0).explanation).toBe('2 s plus 2 times the longest of 10 recent waits (1 s)');
  });

  it('lowers a route without history from its start', () => {
    const model = new ResponseTimeoutModel();
    for (let index = 0; index < 20; index += 1) model.observe(ROUTE, seen(20_000_000, 10_000));
    expect(model.plan(ROUTE, 20_000_000, 0).firstByteMs).toBeLessThan(30_000);
    expect(model.plan(ROUTE, 20_000_000, 0).expectedMs).toBe(11_000);
  });

  it('raises a deadline at most to the ceiling, however slow a peer makes it', () => {
    const model = new ResponseTimeoutModel();
    for (let round = 0; round < 100; round += 1) {
      const { firstByteMs, silenceMs, totalMs } = model.plan(ROUTE, 1_000, 0);
      const slow = { firstByteMs, longestSilenceMs: silenceMs, totalMs };
      model.observe(ROUTE, { size: 1_000, ok: true, timedOut: null, ...slow, atMs: 0 });
    }
    expect(deadlines(model.plan(ROUTE, 1_000, 0))).toEqual(CEILINGS);
  });
});

describe('an expired timeout', () => {
  it('never lowers a deadline of any route, size or time', () => {
    fc.assert(
      fc.property(
        fc.tuple(anyHistory, anyRoute, anyRoute, timeout, anySize, anyNow),
        ([history, route, other, late, size, now]) => {
          const model = trainedModel(history);
          const before = model.plan(other, size, now);
          model.observe(route, late);
          expectNoneLower(model.plan(other, size, now), before);
        },
      ),
    );
  });

  it('gives the retry at least double in that phase, or the ceiling', () => {
    fc.assert(
      fc.property(
        fc.tuple(anyHistory, anyRoute, anySize, anyPhase, fc.boolean()),
        ([history, route, size, phase, told]) => {
          const model = trainedModel(history);
          let plan = model.plan(route, size, 0);
          for (let attempt = 0; attempt < 4; attempt += 1) {
            if (told) model.observe(route, { ...seen(size, 1), ok: false, timedOut: phase });
            const next = model.plan(route, size, 0, { plan, timedOut: phase });
            const index = PHASE_AT.indexOf(phase);
            const double = Math.min(CEILINGS[index] ?? 0, 2 * (deadlines(plan)[index] ?? 0));
            expect(deadlines(next)[index]).toBeGreaterThanOrEqual(double);
            expectNoneLower(next, plan);
            plan = next;
          }
        },
      ),
    );
  });

  it('that repeats lets the next download start higher, until one succeeds', () => {
    const model = new ResponseTimeoutModel();
    for (let index = 0; index < 20; index += 1) model.observe(ROUTE, seen(20_000_000, 10_000));
    const before = model.plan(ROUTE, 20_000_000, 0).firstByteMs;
    for (let index = 0; index < 20; index += 1) {
      model.observe(ROUTE, { ...seen(20_000_000, 30_000), ok: false, timedOut: 'first_byte' });
    }
    expect(model.plan(ROUTE, 20_000_000, 0).firstByteMs).toBeGreaterThan(3 * before);
    for (let index = 0; index < 13; index += 1) model.observe(ROUTE, seen(20_000_000, 10_000));
    expect(model.plan(ROUTE, 20_000_000, 0).firstByteMs).toBeLessThan(1.1 * before);
  });

  it('of the first byte gets longer trials in downloads 1, 2, 4 ...', () => {
    const model = new ResponseTimeoutModel();
    const fast = (count: number) => {
      for (let index = 0; index < count; index += 1) model.observe(ROUTE, seen(20_000_000, 300));
    };
    const late = { ...seen(20_000_000, 10_000), ok: false, timedOut: 'first_byte' } as const;
    fast(20);
    const tried: number[] = [];
    for (let timeouts = 1; timeouts <= 48; timeouts += 1) {
      model.observe(ROUTE, late);
      fast(1);
      const { firstByteMs, silenceMs, explanation } = model.plan(ROUTE, 20_000_000, 0);
      expect(silenceMs).toBe(10_000);
      if (firstByteMs === 80_000) tried.push(timeouts);
      expect(explanation.includes('extended after a timeout')).toBe(firstByteMs === 80_000);
      fast(10);
      expect(model.plan(ROUTE, 20_000_000, 0).firstByteMs).toBe(firstByteMs);
      fast(1);
      expect(model.plan(ROUTE, 20_000_000, 0).firstByteMs).toBe(10_000);
    }
    expect(tried).toEqual([1, 2, 4, 8, 16, 32, 48]);
  });
});

describe('timeout: an error or wrong page', () => {
  it('change nothing', () => {
    fc.assert(
      fc.property(anyHistory, anyRoute, error, (history, route, outcome) => {
        const model = trainedModel(history);
        const before = JSON.stringify(model.save());
        model.observe(route, outcome);
        expect(JSON.stringify(model.save())).toBe(before);
      }),
    );
  });

  it('leave the retry at least the previous timeout', () => {
    const model = new ResponseTimeoutModel();
    const plan = model.plan(ROUTE, 1_000, 0);
    for (let index = 0; index < 20; index += 1) model.observe(ROUTE, seen(1_000, 10));
    expect(model.plan(ROUTE, 1_000, 0, { plan, timedOut: null }).firstByteMs).toBe(plan.firstByteMs);
  });
});

describe('timeout routes', () => {
  it('over two proxies are independent, as are two origins reached directly', () => {
    fc.assert(
      fc.property(anyHistory, anyRoute, anySize, anyNow, (history, route, size, now) => {
        const own = history.filter(([at]) =>
          route.proxy === 'direct' ? sameRoute(at, route) : at.proxy === route.proxy,
        );
        expect(trainedModel(history).plan(route, size, now)).toEqual(trainedModel(own).plan(route, size, now));
      }),
    );
  });

  it('to a new origin behind a known proxy start with those of the proxy', () => {
    const model = new ResponseTimeoutModel();
    for (let index = 0; index < 20; index += 1) model.observe(ROUTE, seen(20_000_000, 10_000));
    const plan = model.plan({ proxy: PROXY, origin: 'https://new.example.com' }, 20_000_000, 0);
    expect(plan.firstByteMs).toBeLessThan(30_000);
    expect(plan.explanation).toContain('measured for other servers behind this proxy');
  });

  it('are remembered up to 256; the least recently used are forgotten', () => {
    const model = new ResponseTimeoutModel();
    for (let index = 0; index < 300; index += 1) {
      model.observe({ proxy: 'direct', origin: `https://${index}.example.com` }, seen(1_000, 500_000));
      model.observe({ proxy: 'direct', origin: 'https://0.example.com' }, seen(1_000, 500_000));
    }
    const saved = JSON.stringify(model.save());
    expect(saved.match(/"origin"/g)).toHaveLength(256);
    expect(saved).toContain('https://0.example.com');
    expect(saved).not.toContain('https://1.example.com');
    expect(saved).toContain('https://299.example.com');
  });
});

describe('timeout: save and load', () => {
  it('are bit-equal, in state and in every plan, through JSON', () => {
    fc.assert(
      fc.property(fc.tuple(anyHistory, anyHistory, anyRoute, anySize, anyNow), ([history, more, route, size, now]) => {
        const model = trainedModel(history);
        const text = JSON.stringify(model.save());
        const loaded = new ResponseTimeoutModel({}, JSON.parse(text));
        expect(JSON.stringify(loaded.save())).toBe(text);
        expect(loaded.plan(route, size, now)).toEqual(model.plan(route, size, now));
        for (const [at, outcome] of more) for (const each of [model, loaded]) each.observe(at, outcome);
        expect(loaded.save()).toEqual(model.save());
      }),
    );
  });
});

describe('timeout: other settings', () => {
  it('apply from the next plan and keep what was learned', () => {
    const model = new ResponseTimeoutModel();
    for (let index = 0; index < 20; index += 1) model.observe(ROUTE, seen(20_000_000, 10_000));
    const before = model.plan(ROUTE, 20_000_000, 0);
    model.configure({ mode: 'fixed', baseMs: 30_000 });
    expect(model.plan(ROUTE, 20_000_000, 0).firstByteMs).toBe(30_000);
    model.configure({});
    expect(model.plan(ROUTE, 20_000_000, 0)).toEqual(before);
  });
});

describe('timeout: mode fixed', () => {
  it('is base_ms for first byte and silences, without a total limit', () => {
    fc.assert(
      fc.property(anyHistory, anySize, fc.integer({ min: 1_000, max: 2_147_483_647 }), (history, size, baseMs) => {
        const model = trainedModel(history, { mode: 'fixed', baseMs, minMs: 5_000, maxMs: 2_000 });
        const plan = model.plan(ROUTE, size, 0);
        expect(deadlines(plan)).toEqual([baseMs, baseMs, 2_147_483_647]);
        expect(deadlines(model.plan(ROUTE, size, 0, { plan, timedOut: 'silence' }))).toEqual(deadlines(plan));
        expect(model.extend(plan, 5, 0)).toBe(2_147_483_647);
      }),
    );
  });
});

describe('a total deadline', () => {
  it('ends the attempt or moves into the future, within the ceiling', () => {
    fc.assert(
      fc.property(anyHistory, anySize, anyMs, anySize, (history, size, elapsedMs, bytes) => {
        const model = trainedModel(history);
        const plan = model.plan(ROUTE, size, 0);
        const next = model.extend(plan, elapsedMs, bytes);
        if (next === 0) return;
        expect(next).toBeGreaterThan(elapsedMs);
        expect(next).toBeLessThanOrEqual(DEFAULTS.totalMaxMs);
      }),
    );
  });

  it('moves for a transfer whose average speed will complete it', () => {
    const model = new ResponseTimeoutModel();
    const plan = model.plan(ROUTE, 20_000_000, 0);
    expect(model.extend(plan, 320_000, 14_000_000)).toBeGreaterThan(457_142);
  });

  it('ends a transfer that only drips, and one without a byte', () => {
    const model = new ResponseTimeoutModel();
    const plan = model.plan(ROUTE, 20_000_000, 0);
    expect(model.extend(plan, 320_000, 320)).toBe(0);
    expect(model.extend(plan, 320_000, 0)).toBe(0);
    expect(model.extend(model.plan(ROUTE, 0, 0), 300_000, 300)).toBe(0);
  });

  it('moves at most to a fixed multiple of the plan', () => {
    const model = new ResponseTimeoutModel();
    const plan = model.plan(ROUTE, 20_000_000, 0);
    expect(model.extend(plan, 2 * 320_000, 19_999_999)).toBe(0);
  });
});

function sameRoute(a: { proxy: string; origin: string }, b: { proxy: string; origin: string }): boolean {
  return a.proxy === b.proxy && a.origin === b.origin;
}
