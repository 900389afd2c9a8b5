// Sends keep-alive messages to the service manager's watchdog while the daemon is healthy. It is healthy if the event
// loop runs and no wait exceeds its own deadline by more than a fixed time. Otherwise it reports this once and stops
// sending, so the service manager restarts the daemon.
//
// A long wait within its deadline is healthy. The check runs one turn of the event loop after its timer, so that a
// process that was stopped (SIGSTOP, a suspend) first handles the timers that are due.

import { coded } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Clock, Timer } from '#system/clock.ts';
import type { Notifier } from '#system/process/notify.ts';
import type { OverdueWait } from '#system/time/watched-clock.ts';

/**
 * How far a wait may exceed its deadline. There is no setting and no variable for it: only code in this process can
 * change it, and no code in `src` does (a test checks this). test/support/faults/watchdog.ts shortens it.
 */
export const watchdogLimits = { graceMs: 30_000 };

export interface WatchdogOptions {
  readonly notifier: Notifier;
  /** The longest time without a keep-alive, as the manager set it (WATCHDOG_USEC). */
  readonly limitMs: number;
  /** Not the monitored clock: the timer of the watchdog itself must not be monitored. */
  readonly clock: Clock;
  readonly mostOverdue: () => OverdueWait | null;
  readonly report: Report;
}

/** A running watchdog; stopping it twice is harmless. */
export interface Watchdog {
  stop(): void;
}

/** Sends a keep-alive at once, then twice in each limit (sd_watchdog_enabled(3)). */
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
