import { describe, expect, it } from 'vitest';
import { type Clock, clampWait, MAX_TIMER_MS, systemClock, systemRandom, wait } from '#system/clock.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

describe('a wait', () => {
  it.each([
    [0, 0],
    [-1, 0],
    [Number.NaN, 0],
    [0.2, 1],
    [1_000, 1_000],
    [MAX_TIMER_MS, MAX_TIMER_MS],
    [MAX_TIMER_MS + 1, MAX_TIMER_MS],
    [1e12, MAX_TIMER_MS],
    [Number.POSITIVE_INFINITY, MAX_TIMER_MS],
  ])('of %d ms is a timer of %d ms', (asked, clamped) => {
    expect(clampWait(asked)).toBe(clamped);
  });

  it('ends when its time has come', async () => {
    const clock = new FakeClock();
    let done = false;
    const waiting = wait(clock, 100, new AbortController().signal).then(() => {
      done = true;
    });
    await clock.advanceAsync(99);
    expect(done).toBe(false);
    await clock.advanceAsync(1);
    await waiting;
    expect(done).toBe(true);
  });

  it('ends at once with the reason when it is aborted, and leaves no timer', async () => {
    const clock = new FakeClock();
    const abort = new AbortController();
    const waiting = wait(clock, 100, abort.signal);
    abort.abort(new Error('stop'));

    await expect(waiting).rejects.toThrow('stop');
    expect(clock.pending).toBe(0);
    await expect(wait(clock, 100, abort.signal)).rejects.toThrow('stop');
    expect(clock.pending).toBe(0);
  });
});

/** Both clocks keep to the same rules; the machine's own is given real milliseconds. */
const CLOCKS: readonly [string, () => { clock: Clock; pass(ms: number): Promise<void> }][] = [
  ['the machine', () => ({ clock: systemClock, pass: (ms) => new Promise((resolve) => setTimeout(resolve, ms)) })],
  [
    'the test',
    () => {
      const clock = new FakeClock();
      return { clock, pass: (ms) => clock.advanceAsync(ms) };
    },
  ],
];

describe.each(CLOCKS)('a timer of the clock of %s', (_whose, open) => {
  it('fires once, and not when it was called off', async () => {
    const { clock, pass } = open();
    const fired: string[] = [];
    clock.after(20, () => fired.push('one'));
    const off = clock.after(20, () => fired.push('two'));
    off.cancel();
    off.cancel();
    off.restart();
    await pass(60);

    expect(fired).toEqual(['one']);
  });

  it('waits its whole time anew when it is restarted', async () => {
    const { clock, pass } = open();
    const begun = clock.monotonic();
    let firedAt = 0;
    const timer = clock.after(100, () => {
      firedAt = clock.monotonic() - begun;
    });
    await pass(60);
    timer.restart();
    await pass(150);

    // Node's timers may come up to a millisecond early on the finer clock.
    expect(firedAt).toBeGreaterThanOrEqual(158);
  });

  it('can be restarted after it fired', async () => {
    const { clock, pass } = open();
    let fired = 0;
    const timer = clock.after(10, () => {
      fired += 1;
    });
    await pass(40);
    expect(fired).toBe(1);
    timer.restart();
    await pass(40);
    expect(fired).toBe(2);
  });

  it('of zero does not fire before the call is over', async () => {
    const { clock, pass } = open();
    let fired = false;
    clock.after(0, () => {
      fired = true;
    });
    expect(fired).toBe(false);
    await pass(5);
    expect(fired).toBe(true);
  });
});

describe('the clock that moves by hand', () => {
  it('fires in the order of time, then of making, each at its own moment', () => {
    const clock = new FakeClock(1_000);
    const fired: string[] = [];
    for (const [name, ms] of [
      ['b', 20],
      ['a', 10],
      ['c', 20],
    ] as const) {
      clock.after(ms, () => fired.push(`${name} ${clock.monotonic()} ${clock.now()}`));
    }
    clock.advance(100);

    expect(fired).toEqual(['a 10 1010', 'b 20 1020', 'c 20 1020']);
    expect(clock.monotonic()).toBe(100);
    expect(clock.pending).toBe(0);
  });

  it('fires what a timer or a promise sets off within the same advance', async () => {
    const clock = new FakeClock();
    const signal = new AbortController().signal;
    const seen: number[] = [];
    const work = async () => {
      for (let round = 0; round < 3; round += 1) {
        await wait(clock, 10, signal);
        seen.push(clock.monotonic());
      }
    };
    const working = work();
    await clock.advanceAsync(30);
    await working;

    expect(seen).toEqual([10, 20, 30]);
  });

  it('moves no timer when the wall clock steps', () => {
    const clock = new FakeClock(0);
    let fired = false;
    clock.after(10, () => {
      fired = true;
    });
    clock.stepWall(1e12);
    expect(clock.now()).toBe(1e12);
    expect(fired).toBe(false);
    expect(clock.untilNext).toBe(10);
    clock.stepWall(-2e12);
    clock.advance(10);
    expect(fired).toBe(true);
  });
});

describe('chance', () => {
  it('is in [0, 1) and does not repeat itself', () => {
    const drawn = Array.from({ length: 1_000 }, () => systemRandom());

    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(new Set(drawn).size).toBeGreaterThan(990);
  });
});
