// The time that another clock showed, from the Date header of an earlier response. Pure.
//
// It helps to find out why a certificate is not valid now. If it is valid by the other clock, the local clock is
// probably wrong. Otherwise, the certificate is the cause. The Date header is not authenticated, so it affects only the
// words of the failure.

import { fillTemplate, showLocalTime } from '#errors/template.ts';
import type { ResponseHead } from '#proxy/route.ts';

export interface ObservedTime {
  /** The source of the time: `proxy corp`, or a host. */
  readonly by: string;
  readonly dateMs: number;
  /** Monotonic time of the observation, in milliseconds. */
  readonly monotonicMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const YEAR_MS = 365.25 * DAY_MS;
/** Correct clocks may differ by this much, and Date has whole seconds. */
const AGREE_MS = 2_000;

/** The Date of a response (RFC 9110, 6.6.1); null without a usable one. */
export function observedTimeIn(head: ResponseHead, by: string, monotonicMs: number): ObservedTime | null {
  const at = head.rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'date');
  const dateMs = at === -1 ? Number.NaN : Date.parse(head.rawHeaders[at + 1] ?? '');
  return Number.isNaN(dateMs) ? null : { by, dateMs, monotonicMs };
}

/** The time of that clock now. */
export function remoteTime({ dateMs, monotonicMs }: ObservedTime, nowMonotonicMs: number): number {
  return dateMs + (nowMonotonicMs - monotonicMs);
}

/** A phrase that follows the time of the local clock. */
export function compareClocks(observed: ObservedTime | null, at: { nowMs: number; monotonicMs: number }): string {
  if (observed === null) return 'no other clock is known';
  const there = remoteTime(observed, at.monotonicMs);
  const says = `that of ${observed.by} says ${showLocalTime(there)}`;
  const apart = Math.abs(there - at.nowMs);
  return apart <= AGREE_MS ? says : `${says} (a difference of ${span(apart)})`;
}

function span(ms: number): string {
  if (ms >= 2 * YEAR_MS) return fillTemplate('{n} year{n:s}', { n: Math.round(ms / YEAR_MS) });
  if (ms >= 2 * DAY_MS) return fillTemplate('{n} day{n:s}', { n: Math.round(ms / DAY_MS) });
  if (ms >= 2 * HOUR_MS) return fillTemplate('{n} hour{n:s}', { n: Math.round(ms / HOUR_MS) });
  return `${Math.round(ms / 1_000)} s`;
}
