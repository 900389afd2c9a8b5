import { describe, expect, it } from 'vitest';
import type { Clock } from '#system/clock.ts';
import { WatchedClock } from '#system/time/watched-clock.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

const nothing = () => undefined;

describe('a wait', () => {
  it('that is not over yet is not overdue, however long it is', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(time);
    clock.after(86_400_000, nothing);
    time.advance(86_399_999);

    expect(clock.mostOverdue()).toBeNull();
  });

  it('whose timer fired is over', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(time);
    clock.after(10, nothing);
    time.advance(60_000);

    expect(clock.mostOverdue()).toBeNull();
  });

  it('whose timer never fires is overdue from its end on', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(deaf(time));
    clock.after(10, nothing);
    time.advance(60_000);

    expect(clock.mostOverdue()).toEqual({ what: 'a timer', overdueMs: 59_990 });
  });

  it('that guards work is overdue until the work calls it off, also after it fired', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(time);
    const timer = clock.after(10, nothing, 'a response');
    time.advance(40);

    expect(clock.mostOverdue()).toEqual({ what: 'a response', overdueMs: 30 });
    timer.cancel();
    expect(clock.mostOverdue()).toBeNull();
  });

  it('that is called off is over, and restarting it does not bring it back', () => {
    const time = new FakeClock();
    const clock = new WatchedClock(time);
    const timer = clock.after(10, nothing, 'a response');
    timer.cancel();
    timer.restart();
    time.advance(60_000);

    expect(clock.mostOverdue()).toBeNull();
    expect(time.pending).toBe(0);
  });

  it('that is restarted begins anew, also after it fired', () => {
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

  it('that is furthest past its end is the one that is named', () => {
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
