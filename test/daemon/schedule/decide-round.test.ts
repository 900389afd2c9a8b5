import { describe, expect, it } from 'vitest';
import { classifySlot, doneUntil, fixedDelay } from '#daemon/schedule/decide-round.ts';
import { Slots } from '#daemon/schedule/slots.ts';
import { retryDelay } from '#http/retry-delay.ts';
import { Zone } from '#system/time/zone.ts';

const slots = new Slots('0 */6 * * *', new Zone('UTC'));
const DONE = Date.parse('2026-11-20T00:05:00Z');

function classify(now: string, delayMs = 60_000): unknown {
  return classifySlot({ slots, doneMs: DONE, nowMs: Date.parse(now), delayMs });
}

describe('a slot', () => {
  it('runs at its time plus the delay of this host', () => {
    expect(classify('2026-11-20T05:59:00Z')).toEqual({ kind: 'wait', ms: 120_000 });
    expect(classify('2026-11-20T06:00:59Z')).toEqual({ kind: 'wait', ms: 1_000 });
  });

  it('is due from then on, and overdue if it is noticed much later', () => {
    expect(classify('2026-11-20T06:01:00Z')).toEqual({ kind: 'due' });
    expect(classify('2026-11-20T06:02:31Z')).toEqual({ kind: 'overdue', slotMs: Date.parse('2026-11-20T06:00:00Z') });
  });

  it('was not missed because the clock moved back; a step of a day or more starts over', () => {
    expect(doneUntil(DONE, DONE - 3_600_000)).toBe(DONE);
    expect(doneUntil(DONE, DONE - 86_400_001)).toBe(DONE - 86_400_001);
  });
});

describe('a failed check', () => {
  it('is tried again after 1, 2, 4 ... minutes, at most an hour', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 8, 5_000].map((count) => retryDelay(count, 21_600) / 60_000)).toEqual([
      1, 2, 4, 8, 16, 32, 60, 60, 60,
    ]);
  });

  it('is retried within retry.max_delay_seconds, not sooner than a minute', () => {
    expect(retryDelay(9, 600)).toBe(600_000);
    expect(retryDelay(9, 1)).toBe(60_000);
  });
});

describe('the delay of a host', () => {
  it('never changes, lies within the jitter, and differs between hosts', () => {
    const delays = Array.from({ length: 200 }, (_none, index) => fixedDelay(`host-${index}`, 900));

    expect(fixedDelay('host-7', 900)).toBe(delays[7]);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...delays)).toBeLessThan(900_000);
    expect(new Set(delays).size).toBeGreaterThan(190);
    expect(fixedDelay('host-7', 0)).toBe(0);
  });
});
