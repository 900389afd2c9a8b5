import { randomInt } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fuzzResponses } from '#test/support/response-fuzz.ts';

const ROUNDS = 500;
const SEED = randomInt(1_000_000_000);

describe(`fuzz: 500 answers of packages, feeds, proxies and PAC files (seed ${SEED})`, () => {
  it('fuzz: answers end with a code, name no silent hop, and block nothing', async () => {
    const { faults, codes } = await fuzzResponses({ seed: SEED, rounds: ROUNDS });
    expect(faults).toEqual([]);
    // Identical answers would prove nothing.
    expect(codes.size).toBeGreaterThan(15);
  }, 300_000);
});
