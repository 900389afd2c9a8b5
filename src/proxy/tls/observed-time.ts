// The time that another clock showed: the Date header of an earlier response. Pure.
//
// A certificate that is out of its time by the clock here, and in its time by that other one, tells of a wrong clock; one
// that is out of its time by both is itself at fault. The Date is nobody's proof, so it decides the words and nothing else.

import { showLocalTime } from '#errors/template.ts';
import type { ResponseHead } from '#proxy/route.ts';

export interface ObservedTime {
  /** Who said it: `proxy corp`, or a host. */
  readonly by: string;
  readonly dateMs: number;
  /** By the clock that nobody sets. */
  readonly monotonicMs: number;
}

/** What is said where there is nothing to compare the clock here with. */
export const NO_OTHER_CLOCK = 'no other clock is known';

const DAY_MS = 86_400_000;
const YEAR_MS = 365.25 * DAY_MS;
/** Within it, clocks that go right may differ, and Date has whole seconds. */
const AGREE_MS = 2_000;

/** The Date of an answer (RFC 9110, 6.6.1); null without a usable one. */
export function observedTimeIn(head: ResponseHead, by: string, monotonicMs: number): ObservedTime | null {
  const at = head.rawHeaders.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'date');
  const dateMs = at === -1 ? Number.NaN : Date.parse(head.rawHeaders[at + 1] ?? '');
  return Number.isNaN(dateMs) ? null : { by, dateMs, monotonicMs };
}

/** What that clock says now. */
export function timeThere({ dateMs, monotonicMs }: ObservedTime, nowMonotonicMs: number): number {
  return dateMs + (nowMonotonicMs - monotonicMs);
}

/** In words, behind what the clock here says. */
export function compareClocks(seen: ObservedTime | null, at: { nowMs: number; monotonicMs: number }): string {
  if (seen === null) return NO_OTHER_CLOCK;
  const there = timeThere(seen, at.monotonicMs);
  const says = `${seen.by} says ${showLocalTime(there)}`;
  const apart = Math.abs(there - at.nowMs);
  return apart <= AGREE_MS ? says : `${says}, they differ by ${span(apart)}`;
}

function span(ms: number): string {
  if (ms >= 2 * YEAR_MS) return `${Math.round(ms / YEAR_MS)} years`;
  if (ms >= 2 * DAY_MS) return `${Math.round(ms / DAY_MS)} days`;
  return ms >= 7_200_000 ? `${Math.round(ms / 3_600_000)} hours` : `${Math.round(ms / 1_000)} s`;
}
