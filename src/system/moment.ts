// Moments and spans of time that come from outside: headers, feeds, state files, requests, old logs. Pure.
//
// Guarantees: `utcTime` never throws and always returns an RFC 3339 time, where `Date` throws on any number beyond its
// range (issue 10: `Retry-After: 99999999999999999999` ended `check` with INTERNAL). The limits here are the sane ones:
// what lies beyond was never measured by a clock.

import { z } from 'zod';

/** 9999-12-31T23:59:59.999Z, the last moment that RFC 3339 can write. */
export const LAST_MOMENT_MS = 253_402_300_799_999;
/** 31 days. No wait, transfer or pause of ours is longer; a Node timer holds 24.8. */
export const MAX_SPAN_MS = 31 * 86_400_000;

/** The nearest moment from 1970 to 9999, in ms since the epoch; 1970 for NaN. */
export function clampMoment(epochMs: number): number {
  return epochMs > 0 ? Math.min(epochMs, LAST_MOMENT_MS) : 0;
}

/** RFC 3339 in UTC with milliseconds: `2026-11-20T00:04:10.123Z`. */
export function utcTime(epochMs: number): string {
  return new Date(clampMoment(epochMs)).toISOString();
}

/** Wall time of a state file. Clamped rather than refused: a file with one odd moment is not worth losing. */
export const momentSchema = z.number().transform(clampMoment);

/** A measured span of time. */
export const spanSchema = z.number().min(0).max(MAX_SPAN_MS);
