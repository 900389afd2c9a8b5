import { describe, expect, it } from 'vitest';
import { DeliveryTimer } from '#spool/delivery-timer.ts';
import { FakeClock } from '#test/support/fake-clock.ts';

/** A timer over a spool that says `waitMs`, and the moments of its runs. */
function rig(waitMs: () => number | null) {
  const clock = new FakeClock();
  const startedMs = clock.monotonic();
  const runs: number[] = [];
  let plan: () => void = () => undefined;
  const onPlan = (listener: () => void) => {
    plan = listener;
  };
  const run = () => {
    runs.push(clock.monotonic() - startedMs);
    return Promise.resolve();
  };
  return { timer: new DeliveryTimer({ spool: { waitMs, onPlan }, clock, run }), clock, runs, replan: () => plan() };
}

describe('delivery timer', () => {
  it('runs when the spool says so, not sooner than after a second, and never while nothing waits', async () => {
    let wait: number | null = 0;
    const { timer, clock, runs } = rig(() => wait);
    timer.plan();
    await clock.advanceAsync(999);
    expect(runs).toEqual([]);
    await clock.advanceAsync(1);
    expect(runs).toEqual([1_000]);
    wait = null;
    await clock.advanceAsync(10_000_000);
    expect(runs).toEqual([1_000, 2_000]);
  });

  it('looks again every two minutes, so that a step of the wall clock costs no more', async () => {
    let wait = 86_400_000;
    const { timer, clock, runs } = rig(() => wait);
    timer.plan();
    await clock.advanceAsync(1_000);
    wait = 0;
    await clock.advanceAsync(120_000);
    expect(runs).toEqual([121_000]);
    timer.stop();
  });

  it('plans again when the spool says that something changed, and no more once it is stopped', async () => {
    let wait: number | null = null;
    const { timer, clock, runs, replan } = rig(() => wait);
    timer.plan();
    wait = 5_000;
    replan();
    await clock.advanceAsync(5_000);
    expect(runs).toEqual([5_000]);
    timer.stop();
    replan();
    await clock.advanceAsync(100_000);
    expect(runs).toEqual([5_000]);
  });
});
