// Bundled before the program only by test/real-parts/systemd-watchdog.test.ts: a short grace period, and faults that signals
// switch on. SIGWINCH blocks the event loop. After SIGURG, the timer of a wait of 2 s never fires.

import { watchdogLimits } from '#daemon/service/watchdog.ts';

const GRACE_MS = 500;
const LOST_MS = { from: 1_900, to: 2_000 };

watchdogLimits.graceMs = GRACE_MS;

process.on('SIGWINCH', () => {
  for (;;);
});

process.on('SIGURG', () => {
  const { setTimeout: real } = globalThis;
  globalThis.setTimeout = ((callback: () => void, ms = 0) => {
    const isLost = ms >= LOST_MS.from && ms <= LOST_MS.to;
    return real(isLost ? () => undefined : callback, ms);
  }) as typeof setTimeout;
});
