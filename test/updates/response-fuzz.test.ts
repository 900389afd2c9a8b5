import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fuzzResponses } from '#test/support/response-fuzz.ts';

const ROUNDS = 500;
const SEED = randomInt(1_000_000_000);

describe(`fuzz: 500 answers of packages, feeds, proxies and PAC files (seed ${SEED})`, () => {
  it('end with a code that is not INTERNAL, blame nobody who did not answer, and hold nothing up', async () => {
    const { faults, codes } = await fuzzResponses({ seed: SEED, rounds: ROUNDS });
    expect(faults).toEqual([]);
    // It would prove nothing if one answer were all that came.
    expect(codes.size).toBeGreaterThan(15);
  }, 300_000);
});
