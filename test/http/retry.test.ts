import { describe, expect, it } from 'vitest';
import { CodedError, coded } from '#errors/coded-error.ts';
import { type AttemptCost, type RetryOptions, withRetries } from '#http/retry.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const passing = (retryAfterMs?: number) =>
  coded('CONNECTION-LOST', { received: 0, expected: 1, reason: 'x', retryAfterMs });
const lasting = coded('URL-DOWNGRADE', { url: 'x' });

function setUp(more: Partial<RetryOptions> = {}) {
  const clock = new FakeClock();
  const told: [string, number, number][] = [];
  const options: RetryOptions = {
    attempts: 5,
    maxDelaySeconds: 21_600,
    clock,
    random: () => 0.5,
    signal: new AbortController().signal,
    onRetry: (error, attempt, delayMs) => told.push([error.code, attempt, delayMs]),
    ...more,
  };
  return { clock, told, options };
}

/** Runs to the end, with a fast clock. */
async function run<T>(clock: FakeClock, work: Promise<T>): Promise<T> {
  let over = false;
  const settled = work.finally(() => {
    over = true;
  });
  settled.catch(() => {});
  while (!over) await clock.advanceAsync(clock.untilNext ?? 0);
  return settled;
}

describe('retry: a failed attempt', () => {
  it('is repeated until an attempt succeeds, and each wait is reported', async () => {
    const { clock, told, options } = setUp();
    const attempts: number[] = [];

    const result = await run(
      clock,
      withRetries(options, async (number) => {
        attempts.push(number);
        if (number < 4) throw passing();
        return 'done';
      }),
    );

    expect(result).toBe('done');
    expect(attempts).toEqual([1, 2, 3, 4]);
    expect(told).toEqual([
      ['CONNECTION-LOST', 1, 500],
      ['CONNECTION-LOST', 2, 1_000],
      ['CONNECTION-LOST', 3, 2_000],
    ]);
    expect(clock.monotonic()).toBe(3_500);
  });

  it('ends with the last failure unchanged, without a further wait', async () => {
    const { clock, told, options } = setUp({ attempts: 2 });
    const last = passing();
    const failures = [passing(), last];

    await expect(
      run(
        clock,
        withRetries(options, async (number) => Promise.reject(failures[number - 1])),
      ),
    ).rejects.toBe(last);

    expect(told).toHaveLength(1);
    expect(clock.pending).toBe(0);
  });

  it.each([
    ['a failure that a person must fix', lasting],
    ['a fault of ours', new TypeError('fetch failed')],
    ['an error without a code', new Error('odd')],
  ])('is not repeated after %s', async (_name, error) => {
    const { clock, told, options } = setUp();
    let attempts = 0;

    await expect(
      run(
        clock,
        withRetries(options, async () => {
          attempts += 1;
          throw error;
        }),
      ),
    ).rejects.toBe(error);

    expect(attempts).toBe(1);
    expect(told).toEqual([]);
  });

  it('is not repeated if one attempt is allowed', async () => {
    const { clock, told, options } = setUp({ attempts: 1 });

    await expect(
      run(
        clock,
        withRetries(options, async () => Promise.reject(passing())),
      ),
    ).rejects.toThrow(CodedError);

    expect(told).toEqual([]);
  });

  it('waits as long as the server asks, up to a minute', async () => {
    const { clock, told, options } = setUp({ attempts: 2 });

    await expect(
      run(
        clock,
        withRetries(options, async () => Promise.reject(passing(60_000))),
      ),
    ).rejects.toThrow(CodedError);

    expect(told).toEqual([['CONNECTION-LOST', 1, 60_000]]);
  });

  it('returns a longer wait to the caller as a fact', async () => {
    const { clock, told, options } = setUp({ maxDelaySeconds: 3_600 });

    await expect(
      run(
        clock,
        withRetries(options, async () => Promise.reject(passing(9_999_999))),
      ),
    ).rejects.toMatchObject({
      code: 'CONNECTION-LOST',
      facts: { reason: 'x', retryAfterMs: 3_600_000 },
    });

    expect(told).toEqual([]);
    expect(clock.pending).toBe(0);
  });

  it('ends its wait at once with the reason of an abort', async () => {
    const aborter = new AbortController();
    const { clock, options } = setUp({
      signal: aborter.signal,
      onRetry: () => setImmediate(() => aborter.abort(new Error('stop'))),
    });

    await expect(withRetries(options, async () => Promise.reject(passing()))).rejects.toThrow('stop');

    expect(clock.pending).toBe(0);
  });

  it('is not started if it is aborted before', async () => {
    const { options } = setUp({ signal: AbortSignal.abort(new Error('before')) });

    await expect(withRetries(options, async () => expect.fail('it began'))).rejects.toThrow('before');
  });
});

describe('retry: what a failure costs', () => {
  const costs =
    (...all: AttemptCost[]) =>
    () =>
      all.shift() ?? 'one';

  it('retry: the count restarts after received bytes, at least a second later', async () => {
    const costOf = costs('one', 'reset', 'one', 'one');
    const { clock, told, options } = setUp({ attempts: 2, soonestMs: 1_000, costOf });
    let attempts = 0;

    const work = withRetries(options, async () => {
      attempts += 1;
      throw passing();
    });

    await expect(run(clock, work)).rejects.toMatchObject({ code: 'CONNECTION-LOST' });
    expect(attempts).toBe(4);
    expect(told.map(([, spent, delayMs]) => [spent, delayMs])).toEqual([
      [1, 1_000],
      [0, 1_000],
      [1, 1_000],
    ]);
  });

  it('retry: a lasting failure costs nothing if the next attempt differs', async () => {
    const { clock, options } = setUp({ attempts: 1, costOf: costs('none', 'one') });
    let attempts = 0;

    const work = withRetries(options, async () => {
      attempts += 1;
      throw lasting;
    });

    await expect(run(clock, work)).rejects.toBe(lasting);
    expect(attempts).toBe(2);
  });

  it('ends at once if the caller says that it is over', async () => {
    const { clock, options } = setUp({ costOf: () => 'over' });
    let attempts = 0;

    const work = withRetries(options, async () => {
      attempts += 1;
      throw passing();
    });

    await expect(run(clock, work)).rejects.toMatchObject({ code: 'CONNECTION-LOST' });
    expect(attempts).toBe(1);
  });

  it('does not shorten a wait that the server asked for', async () => {
    const { clock, told, options } = setUp({ costOf: costs('none', 'over') });

    const work = withRetries(options, () => Promise.reject(passing(7_000)));

    await expect(run(clock, work)).rejects.toBeDefined();
    expect(told).toEqual([['CONNECTION-LOST', 0, 7_000]]);
  });
});
