import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coded } from '#errors/coded-error.ts';
import { nextDelay, parseRetryAfter } from '#http/retry-delay.ts';

const error = (retryAfterMs?: number | null) =>
  coded('CONNECTION-LOST', { received: 0, expected: 1, reason: 'x', retryAfterMs });
const NOON = Date.UTC(2026, 10, 20, 12);

describe('retry delay: the delay', () => {
  it.each([
    [1, 1_000],
    [2, 2_000],
    [3, 4_000],
    [5, 16_000],
    [30, 21_600_000],
  ])('is drawn from nothing to a base that doubles: attempt %i, up to %i ms', (attempt, base) => {
    expect(nextDelay(error(), attempt, { random: 0.999_999_999, maxDelaySeconds: 21_600 })).toBe(base);
    expect(nextDelay(error(), attempt, { random: 0.5, maxDelaySeconds: 21_600 })).toBe(base / 2);
    expect(nextDelay(error(), attempt, { random: 0, maxDelaySeconds: 21_600 })).toBe(250);
  });

  it('is at least what the server asked for, up to the cap', () => {
    expect(nextDelay(error(9_000), 1, { random: 0.5, maxDelaySeconds: 60 })).toBe(9_000);
    expect(nextDelay(error(), 1, { random: 0.5, maxDelaySeconds: 60, retryAfterMs: 9_000 })).toBe(9_000);
    expect(nextDelay(error(90_000), 1, { random: 0.5, maxDelaySeconds: 60 })).toBe(60_000);
    expect(nextDelay(error(1), 5, { random: 0.5, maxDelaySeconds: 60 })).toBe(8_000);
    expect(nextDelay(error(null), 1, { random: 0.5, maxDelaySeconds: 60 })).toBe(500);
  });

  it('is spread after the time that the server asks for, if set', () => {
    const spread = { maxDelaySeconds: 3_600, baseMs: 600_000 };
    expect(nextDelay(error(9_000), 1, { ...spread, random: 0 })).toBe(9_000);
    expect(nextDelay(error(9_000), 1, { ...spread, random: 0.5 })).toBe(309_000);
    expect(nextDelay(error(7_200_000), 1, { ...spread, random: 0.5 })).toBe(3_900_000);
    expect(nextDelay(error(9_000), 4, { ...spread, random: 0.5 })).toBe(1_800_000);
  });

  it('is at least the pause for a failing proxy', () => {
    const paused = coded('TUNNEL-CLOSED', {
      proxy: 'corp',
      asked: 'CONNECT',
      target: 't',
      reason: 'x',
      hop: 'x',
      pauseMs: 12_000,
    });
    expect(nextDelay(paused, 1, { random: 0, maxDelaySeconds: 60 })).toBe(12_000);
    expect(nextDelay(paused, 5, { random: 0.9, maxDelaySeconds: 60 })).toBe(14_400);
  });

  it('lies between minimum and cap, whatever the server asks', () => {
    const asked = fc.oneof(fc.constant(undefined), fc.double({ min: -1e12, max: 1e300, noNaN: true }));

    fc.assert(
      fc.property(
        fc.nat(2_000),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.nat(100_000),
        asked,
        (attempt, random, cap, after) => {
          const delay = nextDelay(error(after ?? null), attempt, { random, maxDelaySeconds: cap });
          return delay >= 250 && delay <= Math.max(250, cap * 1_000);
        },
      ),
    );
  });
});

describe('retry delay: Retry-After', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 120 ', 120_000],
    ['Fri, 20 Nov 2026 12:00:30 GMT', 30_000],
    ['Friday, 20-Nov-26 12:00:30 GMT', 30_000],
    ['Fri Nov 20 12:00:30 2026', 30_000],
    ['Sun Nov  1 12:00:30 2026', 0],
    ['Fri, 20 Nov 2026 11:00:00 GMT', 0],
    ['99999999999999999999', 31 * 86_400_000],
    ['9'.repeat(400), 31 * 86_400_000],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 31 * 86_400_000],
  ])('%.40j means %i ms', (value, ms) => {
    expect(parseRetryAfter(value, NOON)).toBe(ms);
  });

  it.each([
    undefined,
    '',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    '120, 120',
    'soon',
    '2026-11-20',
    '20 Nov 2026 12:00:30',
    'Fri, 20 Nov 2026 12:00:30',
  ])('%j is ignored', (value) => {
    expect(parseRetryAfter(value, NOON)).toBeNull();
  });

  it('is ignored or not in the past, whatever its value', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        const ms = parseRetryAfter(value, NOON);
        return ms === null || (ms >= 0 && ms <= 31 * 86_400_000);
      }),
    );
  });
});
