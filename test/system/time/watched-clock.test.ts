import { describe, expect, it } from 'vitest';
import type { Clock } from '#system/clock.ts';
import { WatchedClock } from '#system/time/watched-clock.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const nothing = () => undefined;

describe('a wait', () => {
  it('watched clock: a wait that is not over is not overdue, however long it is', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(time);
    clock.after(86_400_000, nothing);
    time.advance(86_399_999);

    expect(clock.mostOverdue()).toBeNull();
  });

  it('watched clock: a wait whose timer fired is over', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(time);
    clock.after(10, nothing);
    time.advance(60_000);

    expect(clock.mostOverdue()).toBeNull();
  });

  it('watched clock: a wait whose timer never fires is overdue after its end', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(deaf(time));
    clock.after(10, nothing);
    time.advance(60_000);

    expect(clock.mostOverdue()).toEqual({ what: 'a timer', overdueMs: 59_990 });
  });

  it('watched clock: a wait that guards work is overdue until it is cancelled', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(time);
    const timer = clock.after(10, nothing, 'a response');
    time.advance(40);

    expect(clock.mostOverdue()).toEqual({ what: 'a response', overdueMs: 30 });
    timer.cancel();
    expect(clock.mostOverdue()).toBeNull();
  });

  it('watched clock: a cancelled wait is over, also after a restart', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(time);
    const timer = clock.after(10, nothing, 'a response');
    timer.cancel();
    timer.restart();
    time.advance(60_000);

    expect(clock.mostOverdue()).toBeNull();
    expect(time.pending).toBe(0);
  });

  it('watched clock: a restarted wait starts over, also after it fired', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(time);
    const fired: number[] = [];
    const timer = clock.after(10, () => fired.push(time.monotonic()), 'a response');
    time.advance(15);
    timer.restart();
    time.advance(9);
    expect(clock.mostOverdue()).toBeNull();
    time.advance(3);

    expect(fired).toEqual([10, 25]);
    expect(clock.mostOverdue()).toEqual({ what: 'a response', overdueMs: 2 });
  });

  it('watched clock: the wait that is furthest past its end is named', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(time);
    clock.after(20, nothing, 'the later one');
    clock.after(10, nothing, 'the earlier one');
    time.advance(100);

    expect(clock.mostOverdue()?.what).toBe('the earlier one');
  });
});

/** A clock whose timers never fire. */
function deaf(time: FakeClock): Clock {
  return {
    now: () => time.now(),
    monotonic: () => time.monotonic(),
    after: () => ({ cancel: nothing, restart: nothing }),
  };
}
