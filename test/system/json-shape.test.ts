// The count before JSON.parse: never less than the size of the result, and it stops at the limit.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkJsonShape } from '#system/json-shape.ts';

const NO_LIMITS = { values: Infinity, depth: Infinity };

function count(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + count(one), 1);
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce((sum: number, one) => sum + 1 + count(one), 1);
}

function depthOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(depthOf));
}

describe('checkJsonShape', () => {
  it('JSON shape: values and depth are at least those that JSON.parse creates', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), fc.boolean(), (value, spaced) => {
        const text = JSON.stringify(value, null, spaced ? 1 : undefined);
        const parsed: unknown = JSON.parse(text);
        const bytes = Buffer.from(text);
        expect(checkJsonShape(bytes, { ...NO_LIMITS, values: count(parsed) - 1 })?.what).toBe('values');
        expect(checkJsonShape(bytes, { ...NO_LIMITS, values: 2 * count(parsed) + 1 })).toBeNull();
        expect(checkJsonShape(bytes, { ...NO_LIMITS, depth: depthOf(parsed) })).toBeNull();
        expect(checkJsonShape(bytes, { ...NO_LIMITS, depth: depthOf(parsed) - 1 })?.what).toBe('depth');
      }),
    );
  });

  it('JSON shape: counting stops at the first limit that is exceeded', () => {
    expect(checkJsonShape(Buffer.from('['.repeat(100_000)), { values: 1_000, depth: 64 })).toEqual({
      what: 'depth',
      found: 65,
      limit: 64,
    });
  });

  it.each(['', '"', '"\\', '{"a', '[]]]]'])('JSON shape: counting ends for text that is not JSON: %j', (text) => {
    expect(checkJsonShape(Buffer.from(text), NO_LIMITS)).toBeNull();
  });
});
