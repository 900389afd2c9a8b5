// The machine's clock, faster by a factor: a minute of waiting passes in a fraction of a second, with real sockets.

import { type Clock, systemClock } from '#system/clock.ts';

/** A clock on which everything takes `factor` times as long as it really does. */
export function scaledClock(factor: number): Clock {
  const [wall, mono] = [systemClock.now(), systemClock.monotonic()];
  const passed = () => (systemClock.monotonic() - mono) * factor;
  return {
    // One source for both: otherwise every jitter of the wall clock would be a step, multiplied by the factor.
    now: () => wall + passed(),
    monotonic: () => mono + passed(),
    after: (ms, callback, guards) => systemClock.after(ms / factor, callback, guards),
  };
}
