// Logs when the next attempt follows after a failure, and which number it has.

import type { Report } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';

/** Reports when the next attempt comes. */
export function reportRetry(
  ports: { readonly clock: Clock; readonly report: Report },
  next: { readonly attempt: number; readonly attempts: number; readonly delayMs: number },
): void {
  const at = ports.clock.now() + next.delayMs;
  ports.report({ name: 'next-try', at, attempt: next.attempt + 1, attempts: next.attempts });
}
