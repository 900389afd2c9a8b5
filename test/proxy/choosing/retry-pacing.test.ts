import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FREE_FAILURES, RetryPacing, SPACING_MS } from '#proxy/choosing/retry-pacing.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const URL_A = 'http://a:3128';
const MINUTE_MS = 60_000;

describe('a proxy that fails', () => {
  it('costs no wait at first, and is spaced from the third failure on', () => {
    const pacing = new RetryPacing(new FakeClock());
    const waits = Array.from({ length: FREE_FAILURES + 1 }, () => pacing.failed(URL_A, 1));
    expect(waits).toEqual([0, 0, SPACING_MS, 2 * SPACING_MS]);
  });

  it('is spaced by how many connections each try took', () => {
    expect(new RetryPacing(new FakeClock()).failed(URL_A, 3)).toBe(3 * SPACING_MS);
  });

  it('a failing proxy: its count starts over after a minute, and other proxies are unaffected', () => {
    const clock = new FakeClock();
    const pacing = new RetryPacing(clock);
    const failed = () => [1, 2, 3].map(() => pacing.failed(URL_A, 1)).at(-1);
    expect(failed()).toBe(SPACING_MS);
    expect(pacing.failed('http://b:3128', 1)).toBe(0);
    clock.advance(MINUTE_MS);
    expect(failed()).toBe(SPACING_MS);
  });

  it('a failing proxy: callers that wait as returned make under ten connections a minute', () => {
    const tries = fc.array(fc.record({ connections: fc.integer({ min: 1, max: 3 }), idleMs: fc.nat(20_000) }), {
      minLength: 20,
      maxLength: 60,
    });
    fc.assert(
      fc.property(tries, (all) => {
        const clock = new FakeClock();
        const pacing = new RetryPacing(clock);
        const at: number[] = [];
        for (const { connections, idleMs } of all) {
          at.push(...Array<number>(connections).fill(clock.monotonic()));
          const wait = pacing.failed(URL_A, connections);
          expect(wait).toBeLessThanOrEqual(3 * SPACING_MS);
          clock.advance(wait + (idleMs % 3 === 0 ? idleMs : 250));
        }
        for (const from of at) {
          expect(at.filter((one) => one >= from && one - from < MINUTE_MS).length).toBeLessThan(10);
        }
      }),
    );
  });
});
