import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  afterFailed,
  afterPassed,
  type ChunkSize,
  FIRST_CHUNK_SIZE,
  MAX_CHUNK_BYTES,
  MIN_CHUNK_BYTES,
  PASSES_TO_GROW,
} from '#uploads/transfer/chunk-size.ts';

const MIB = 1_048_576;
const LENGTH = 300_000_000;

/** Sends a file over a path that refuses requests above a limit; returns the bytes sent in vain and the last size. */
function overLimit(limit: number, from: ChunkSize = FIRST_CHUNK_SIZE, length = LENGTH) {
  let size = from;
  let [sent, wasted, failures] = [0, 0, 0];
  while (sent < length) {
    const chunk = Math.min(size.bytes, length - sent);
    if (chunk > limit) {
      size = afterFailed(size, chunk, 'too-large');
      wasted += chunk;
      failures += 1;
    } else {
      size = afterPassed(size, chunk);
      sent += chunk;
    }
  }
  return { size, wasted, failures };
}

describe('the chunk size', () => {
  it('halves with each failure, down to its minimum', () => {
    let size = FIRST_CHUNK_SIZE;
    const seen: number[] = [];
    for (let failure = 0; failure < 9; failure += 1) {
      size = afterFailed(size, size.bytes, 'broken');
      seen.push(size.bytes / MIN_CHUNK_BYTES);
    }
    expect(seen).toEqual([64, 32, 16, 8, 4, 2, 1, 1, 1]);
  });

  it('doubles after eight chunks that passed, up to its maximum', () => {
    let size: ChunkSize = { ...FIRST_CHUNK_SIZE, bytes: 2 * MIB };
    for (let chunk = 0; chunk < PASSES_TO_GROW - 1; chunk += 1) size = afterPassed(size, size.bytes);
    expect(size.bytes).toBe(2 * MIB);
    size = afterPassed(size, size.bytes);
    expect(size).toMatchObject({ bytes: 4 * MIB, passed: 0 });
    for (let chunk = 0; chunk < 100; chunk += 1) size = afterPassed(size, size.bytes);
    expect(size.bytes).toBe(MAX_CHUNK_BYTES);
  });

  it('tries a size that failed again less often', () => {
    const once = afterFailed({ ...FIRST_CHUNK_SIZE, bytes: 2 * MIB }, 2 * MIB, 'too-large');
    const passes = (from: ChunkSize) => {
      let size = from;
      let count = 0;
      for (; size.bytes === from.bytes; count += 1) size = afterPassed(size, size.bytes);
      return { count, size };
    };
    const first = passes(once);
    const second = passes(afterFailed(first.size, 2 * MIB, 'too-large'));
    expect([first.count, second.count]).toEqual([8, 16]);
    expect(passes(second.size).size).toMatchObject({ failedAt: null, failures: 0, bytes: 4 * MIB });
  });

  it('is lowered by the second break in a small last chunk', () => {
    const once = afterFailed(FIRST_CHUNK_SIZE, 100_000, 'broken');
    expect(once.bytes).toBe(MAX_CHUNK_BYTES);
    expect(afterFailed(once, 100_000, 'broken').bytes).toBe(MIN_CHUNK_BYTES);
    expect(afterFailed(FIRST_CHUNK_SIZE, 100_000, 'too-large').bytes).toBe(MIN_CHUNK_BYTES);
  });

  it('wastes little of a large file on a path with any limit', () => {
    const limits = fc.integer({ min: MIN_CHUNK_BYTES, max: 2 * MAX_CHUNK_BYTES });
    fc.assert(
      fc.property(limits, (limit) => {
        const first = overLimit(limit);
        expect(first.size.bytes).toBeLessThanOrEqual(2 * limit);
        const steady = overLimit(limit, first.size);
        // A trial has twice the size, and each further one needs twice as many chunks before it.
        expect(first.wasted).toBeLessThan(0.08 * LENGTH + 2 * MAX_CHUNK_BYTES);
        expect(steady.wasted).toBeLessThan(0.03 * LENGTH);
      }),
    );
  });

  it('stays on its scale and never grows without eight passes, whatever happens', () => {
    const steps = fc.array(
      fc.record({
        does: fc.constantFrom('passes', 'too-large', 'broken'),
        share: fc.double({ min: 0.001, max: 1, noNaN: true }),
        isWhole: fc.boolean(),
      }),
      { maxLength: 200 },
    );
    fc.assert(
      fc.property(steps, (history) => {
        let size = FIRST_CHUNK_SIZE;
        let whole = 0;
        for (const { does, share, isWhole } of history) {
          const before = size;
          const sent = isWhole ? size.bytes : Math.ceil(size.bytes * share);
          size = does === 'passes' ? afterPassed(size, sent) : afterFailed(size, sent, does);
          if (does === 'passes' && sent === before.bytes) whole += 1;
          expect(Number.isInteger(Math.log2(MAX_CHUNK_BYTES / size.bytes))).toBe(true);
          expect(size.bytes).toBeGreaterThanOrEqual(MIN_CHUNK_BYTES);
          expect(size.bytes).toBeLessThanOrEqual(does === 'passes' ? before.bytes * 2 : before.bytes);
          if (size.bytes > before.bytes) expect(whole).toBeGreaterThanOrEqual(PASSES_TO_GROW);
          if (size.bytes !== before.bytes) whole = 0;
        }
      }),
    );
  });
});
