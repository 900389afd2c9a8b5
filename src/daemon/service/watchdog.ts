// Feeds the watchdog of the service manager while we are well: the event loop turns and no wait is past its own
// deadline by more than the grace. Otherwise it says so once and keeps still, and the manager restarts us.
//
// A long silence that a deadline allows is no fault, however short the watchdog is. The look comes a turn after the
// beat: a process that stood still (SIGSTOP, a suspend) first lets everything that fell due happen.

import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Clock, Timer } from '#system/clock.ts';
import type { Notifier } from '#system/process/notify.ts';
import type { OverdueWait } from '#system/time/watched-clock.ts';

/**
 * How far a wait may outlive its deadline. No setting, no variable: only code in this process can change it, and in
 * `src` none does (a test says so); test/real-parts/faulty-main.ts shortens it.
 */
export const watchdogLimits = { graceMs: 30_000 };

export interface WatchdogOptions {
  readonly notifier: Notifier;
  /** The longest time without a sign of life, as the manager gave it (WATCHDOG_USEC). */
  readonly limitMs: number;
  /** Not the watched one: our own beat is no wait of the work. */
  readonly clock: Clock;
  readonly mostOverdue: () => OverdueWait | null;
  readonly report: Report;
}

/** A running watchdog; stopping it twice is harmless. */
export interface Watchdog {
  stop(): void;
}

/** Feeds at once, then twice in each limit (sd_watchdog_enabled(3)). */
export function startWatchdog({ notifier, limitMs, clock, mostOverdue, report }: WatchdogOptions): Watchdog {
  let reported = false;
  let stopped = false;
  let timer: Timer | null = null;
  const check = () => {
    if (stopped) return;
    const wait = mostOverdue();
    if (wait === null || wait.overdueMs <= watchdogLimits.graceMs) {
      notifier.alive();
      reported = false;
    } else if (!reported) {
      reported = true;
      report({ name: 'wait-stuck', error: coded('WAIT-STUCK', { what: wait.what, overdue: wait.overdueMs }) });
    }
    timer = clock.after(limitMs / 2, () => setImmediate(check));
  };
  check();
  return {
    stop() {
      stopped = true;
      timer?.cancel();
    },
  };
}
