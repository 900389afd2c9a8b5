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
  it('delivery timer: it runs when the spool says, after at least a second, if it is not empty', async () => {
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

  it('delivery timer: it looks again every two minutes, which bounds the cost of a clock step', async () => {
    let wait = 86_400_000;
    const { timer, clock, runs } = rig(() => wait);
    timer.plan();
    await clock.advanceAsync(1_000);
    wait = 0;
    await clock.advanceAsync(120_000);
    expect(runs).toEqual([121_000]);
    timer.stop();
  });

  it('delivery timer: it plans again after each change of the spool until it is stopped', async () => {
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
