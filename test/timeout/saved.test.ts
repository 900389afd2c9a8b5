import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyHistory, ROUTE, trainedModel } from '#test/support/timeout-histories.ts';
import { ResponseTimeoutModel } from '#timeout/model.ts';

const EMPTY = new ResponseTimeoutModel().save();

/** Every place in a JSON value. */
function placesIn(value: unknown, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...path, key]))];
}

/** The same JSON with another value in one place. */
function withAt(value: unknown, path: readonly (string | number)[], put: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return put;
  const inner = withAt((value as Record<string | number, unknown>)[key], rest, put);
  return Array.isArray(value) ? value.with(Number(key), inner) : { ...(value as object), [key]: inner };
}

describe('a damaged timeout state', () => {
  it('never throws and starts empty, whatever JSON it is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (saved) => {
        expect(new ResponseTimeoutModel({}, saved).save()).toEqual(EMPTY);
      }),
    );
  });

  it('starts empty or is valid, with any value in any place', () => {
    const history = anyHistory.map((steps) => trainedModel(steps).save());
    fc.assert(
      fc.property(history, fc.nat(), fc.oneof(fc.jsonValue(), fc.constantFrom(-1, 1e308, 0.5)), (saved, nth, put) => {
        const places = placesIn(saved);
        const model = new ResponseTimeoutModel({}, withAt(saved, places[nth % places.length] ?? [], put));
        const plan = model.plan(ROUTE, 1_000, 0);
        expect(plan.firstByteMs).toBeGreaterThanOrEqual(10_000);
        expect(plan.firstByteMs).toBeLessThanOrEqual(7_200_000);
        expect(new ResponseTimeoutModel({}, model.save()).save()).toEqual(model.save());
      }),
    );
  });

  it.each([
    ['another version', { version: 2, routes: [], proxies: [] }],
    ['a number as text', JSON.stringify(EMPTY)],
    ['more routes than are kept', { version: 1, routes: Array.from({ length: 257 }, () => ({})), proxies: [] }],
    ['null', null],
  ])('starts empty: %s', (_what, saved) => {
    expect(new ResponseTimeoutModel({}, saved).save()).toEqual(EMPTY);
  });
});
