// Moments and durations that come from outside: headers, feeds, state files, requests, old logs. Pure.
//
// Guarantees: `utcTime` never throws and always returns an RFC 3339 time. `Date` throws on a number beyond its range:
// in issue 10, `Retry-After: 99999999999999999999` ended `check` with INTERNAL. Values beyond the limits in this file
// cannot come from a real clock.

/** 9999-12-31T23:59:59.999Z, the last moment that RFC 3339 can express. */
export const LAST_MOMENT_MS = 253_402_300_799_999;
/** 31 days. Our waits, transfers and pauses are never longer; a Node timer is limited to 24.8 days. */
export const MAX_SPAN_MS = 31 * 86_400_000;

/** The nearest moment from 1970 to 9999, in ms since the epoch; 1970 for NaN. */
export function clampMoment(epochMs: number): number {
  return epochMs > 0 ? Math.min(epochMs, LAST_MOMENT_MS) : 0;
}

/** RFC 3339 in UTC with milliseconds: `2026-11-20T00:04:10.123Z`. */
export function utcTime(epochMs: number): string {
  return new Date(clampMoment(epochMs)).toISOString();
}
