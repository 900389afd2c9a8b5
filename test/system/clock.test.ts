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
  ])('clock: a wait of %d ms uses a timer of %d ms', (asked, clamped) => {
    expect(clampWait(asked)).toBe(clamped);
  });

  it('clock: a wait ends when its time is over', async () => {
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

  it('clock: an aborted wait rejects at once with the reason and leaves no timer', async () => {
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

/** Both clocks follow the same rules; the system clock gets real milliseconds. */
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
  it('clock: a timer fires once, and not after it was cancelled', async () => {
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

  it('clock: a restarted timer waits its whole time again', async () => {
    const { clock, pass } = open();
    const begun = clock.monotonic();
    let firedAt = 0;
    const timer = clock.after(100, () => {
      firedAt = clock.monotonic() - begun;
    });
    await pass(60);
    timer.restart();
    await pass(150);

    // Node's timers may fire up to a millisecond early on the finer clock.
    expect(firedAt).toBeGreaterThanOrEqual(158);
  });

  it('clock: a timer can be restarted after it fired', async () => {
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

  it('clock: a timer of zero does not fire during the call', async () => {
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

describe('the fake clock', () => {
  it('fake clock: timers fire by time, then by creation, each at its own moment', () => {
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

  it('fake clock: timers set by a timer or promise fire within the same advance', async () => {
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

  it('fake clock: a step of the wall clock moves no timer', () => {
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

describe('random numbers', () => {
  it('clock: random numbers are in [0, 1) and do not repeat', () => {
    const drawn = Array.from({ length: 1_000 }, () => systemRandom());

    expect(drawn.every((value) => value >= 0 && value < 1)).toBe(true);
    expect(new Set(drawn).size).toBeGreaterThan(990);
  });
});
