// Hours of the week in a time zone, such as Mon-Fri 22:00-05:00: whether they are open at a moment, and when that
// changes. Pure.
//
// Hours are open exactly while the local time is in them. Therefore, a time that the change to summer time skips is
// never open, and a time that occurs twice is open twice. A day in the list is the day on which the hours begin.

import type { Zone } from './zone.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 1_440;
const DAY_MS = 86_400_000;
/** Hours of one day of the week, in a week whose occurrence the change to summer time skips. */
const FURTHEST_MS = 16 * DAY_MS;

/** One range of hours. */
export interface HoursRange {
  /** Days on which it begins, 0 is Sunday; null for every day. */
  readonly days: ReadonlySet<number> | null;
  /** Minutes since midnight. If `to` is not after `from`, the range ends on the next day. */
  readonly from: number;
  readonly to: number;
}

const RANGE = /^(?:(\S+)\s+)?(\d{2}):(\d{2})-(\d{2}):(\d{2})$/;
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

/** Reads text such as `22:00-05:00` or `Mon-Fri,Sun 08:00-12:30`; null if it is not written like this. */
export function readHours(text: string): HoursRange | null {
  const match = RANGE.exec(text.trim());
  if (match === null) return null;
  const [, dayText, ...times] = match;
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = times.map(Number);
  const [from, to] = [fromHour * 60 + fromMinute, toHour * 60 + toMinute];
  if (fromMinute > 59 || toMinute > 59 || from >= DAY_MINUTES || to > DAY_MINUTES || from === to) return null;
  const days = dayText === undefined ? null : readDays(dayText);
  return dayText !== undefined && days === null ? null : { days, from, to };
}

function readDays(text: string): ReadonlySet<number> | null {
  const days = new Set<number>();
  for (const part of text.toLowerCase().split(',')) {
    const [first = -1, last = first, ...more] = part.split('-').map((name) => DAYS.indexOf(name));
    if (first < 0 || last < 0 || more.length > 0) return null;
    for (let day = first; ; day = (day + 1) % 7) {
      days.add(day);
      if (day === last) break;
    }
  }
  return days;
}

/** Whether one of these ranges is open at this moment, in ms since the epoch. */
export function isOpen(ranges: readonly HoursRange[], zone: Zone, atMs: number): boolean {
  return isOpenAtLocal(ranges, zone.local(atMs));
}

/** Whether these ranges are open whenever one of `hours` is. */
export function coverAll(ranges: readonly HoursRange[], hours: readonly HoursRange[]): boolean {
  const minutes = [...ranges, ...hours].flatMap(({ from, to }) => [from, to % DAY_MINUTES]);
  // Nothing changes between two bounds. Any week will do.
  for (let day = 0; day < 7; day += 1) {
    for (const minute of [0, ...minutes]) {
      const local = day * DAY_MS + minute * MINUTE_MS;
      if (isOpenAtLocal(hours, local) && !isOpenAtLocal(ranges, local)) return false;
    }
  }
  return true;
}

function isOpenAtLocal(ranges: readonly HoursRange[], local: number): boolean {
  const today = Math.floor(local / DAY_MS);
  const minute = Math.floor((local - today * DAY_MS) / MINUTE_MS);
  return ranges.some(({ days, from, to }) => {
    const isDay = (day: number) => days === null || days.has(new Date(day * DAY_MS).getUTCDay());
    if (from < to) return minute >= from && minute < to && isDay(today);
    return (minute >= from && isDay(today)) || (minute < to && isDay(today - 1));
  });
}

/** The next moment at which they are open: `atMs` itself if they are open then; null if they never are. */
export function opensAt(ranges: readonly HoursRange[], zone: Zone, atMs: number): number | null {
  return isOpen(ranges, zone, atMs) ? atMs : nextChange(ranges, zone, atMs);
}

/** How long the shortest of these ranges is, in milliseconds; a day without ranges. */
export function rangeMinMs(ranges: readonly HoursRange[]): number {
  const minutes = ranges.map(({ from, to }) => (from < to ? to - from : to - from + DAY_MINUTES));
  return Math.min(DAY_MINUTES, ...minutes) * MINUTE_MS;
}

/** The next moment at which they open or close; null if they never do. */
export function nextChange(ranges: readonly HoursRange[], zone: Zone, afterMs: number): number | null {
  const now = isOpen(ranges, zone, afterMs);
  const bounds = [...new Set([0, ...ranges.flatMap(({ from, to }) => [from, to % DAY_MINUTES])])].sort((a, b) => a - b);
  let at = afterMs;
  while (at - afterMs < FURTHEST_MS) {
    at = nextBound(bounds, zone, at);
    if (isOpen(ranges, zone, at) !== now) return at;
  }
  return null;
}

/** The next moment after `atMs` at which the local time reaches a bound, or at which the offset of the zone changes. */
function nextBound(bounds: readonly number[], zone: Zone, atMs: number): number {
  const local = zone.local(atMs);
  const today = Math.floor(local / DAY_MS) * DAY_MS;
  const ofDay = bounds.map((minute) => today + minute * MINUTE_MS).find((bound) => bound > local);
  const bound = ofDay ?? today + DAY_MS;
  const reached = atMs + bound - local;
  return zone.local(reached) === bound ? reached : zone.changeBetween(atMs, reached);
}
