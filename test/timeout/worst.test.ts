import { describe, expect, it } from 'vitest';
import type { Sample } from '#timeout/samples.ts';
import { worstOf } from '#timeout/worst.ts';

/** Samples of one size, in the order they came. */
function samples(...times: readonly number[]): Sample[] {
  return times.map((ms, seq) => ({ seq, atMs: 0, size: 1_000, ms: { first_byte: ms, silence: null, total: null } }));
}

function many(count: number, ms: number): number[] {
  return Array.from({ length: count }, () => ms);
}

function worstMs(times: readonly number[]): number | undefined {
  return worstOf(samples(...times), 'first_byte', times.length).at(-1)?.line.baseMs;
}

describe('the worst recent line', () => {
  it('is not pulled down by many fast ones', () => {
    expect(worstMs([...many(20, 1_000), 60_000, ...many(10, 1_000)])).toBeGreaterThan(55_000);
  });

  it('leaves out samples before a calm much longer than any earlier one', () => {
    expect(worstMs([...many(50, 60_000), ...many(20, 1_000)])).toBeLessThanOrEqual(1_000);
  });

  it('keeps a rare sample until it is absent twice as long as before', () => {
    const rare = [...many(30, 1_000), 60_000];
    expect(worstMs([...rare, ...rare, ...rare, ...many(60, 1_000)])).toBeGreaterThan(40_000);
  });

  it('is returned with and without the samples before the calm', () => {
    expect(worstOf(samples(...many(50, 60_000), ...many(20, 1_000)), 'first_byte', 70)).toHaveLength(2);
  });
});
