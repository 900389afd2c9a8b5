// Computes the wait before the next attempt. It depends on the number of attempts (a doubling base with full jitter),
// the delay in Retry-After (`retryAfterMs`), and the pause after failures of a proxy (`pauseMs`).
//
// Guarantees: the wait has a minimum, so that attempts cannot loop without a pause. It has the configured maximum,
// except that a random spread may be added after Retry-After. Pure: the caller passes the random number and the time.

import type { CodedError } from '#errors/coded-error.ts';
import { MAX_SPAN_MS } from '#system/moment.ts';

/** The first base; doubles with each attempt. */
const BASE_MS = 1_000;
/** Minimum time between two attempts. */
const FLOOR_MS = 250;

export interface DelayOptions {
  /** A number in [0, 1), drawn by the caller. */
  readonly random: number;
  readonly maxDelaySeconds: number;
  /** Minimum delay, if it is more than a quarter of a second. */
  readonly soonestMs?: number;
  /**
   * The first base, if it is not a second: the first retry is spread over this time. A retry that Retry-After requests is
   * spread over the same time after that moment, which may be the same for all hosts.
   */
  readonly baseMs?: number;
  /** The wait that Retry-After requests; by default the fact `retryAfterMs` of the error. */
  readonly retryAfterMs?: number | null;
}

/** The first interval between two attempts at work that failed as a whole, and the longest. */
const FIRST_RETRY_MS = 60_000;
const MAX_RETRY_MS = 3_600_000;

/** The wait after a number of consecutive failures: 1, 2, 4 ... minutes, up to an hour or `retry.max_delay_seconds`. */
export function retryDelay(failures: number, maxDelaySeconds: number): number {
  const cap = Math.max(FIRST_RETRY_MS, Math.min(MAX_RETRY_MS, maxDelaySeconds * 1_000));
  return Math.min(cap, FIRST_RETRY_MS * 2 ** Math.min(30, Math.max(0, failures - 1)));
}

/** Milliseconds from the failure of attempt number `attempt` (from 1) to the next one. */
export function nextDelay(error: CodedError, attempt: number, options: DelayOptions): number {
  const floorMs = Math.max(FLOOR_MS, options.soonestMs ?? 0);
  const capMs = Math.max(floorMs, options.maxDelaySeconds * 1_000);
  const requested = options.retryAfterMs ?? error.facts['retryAfterMs'];
  const requestedMs = Math.max(positive(requested), positive(error.facts['pauseMs']));
  const baseMs = options.baseMs ?? BASE_MS;
  const jittered = options.random * Math.min(capMs, baseMs * 2 ** (Math.max(1, attempt) - 1));
  const spreadMs = options.baseMs === undefined || requestedMs === 0 ? 0 : options.random * Math.min(capMs, baseMs);
  const waitMs = Math.max(floorMs, jittered, Math.min(capMs, requestedMs) + spreadMs);
  return Math.round(spreadMs === 0 ? Math.min(capMs, waitMs) : waitMs);
}

function positive(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0;
}

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)';
const TIME = '\\d{2}:\\d{2}:\\d{2}';
const IMF_FIXDATE = new RegExp(`^${DAY}, \\d{2} ${MONTH} \\d{4} ${TIME} GMT$`);
const RFC850_DATE = new RegExp(`^${LONG_DAY}, \\d{2}-${MONTH}-\\d{2} ${TIME} GMT$`);
const ASCTIME_DATE = new RegExp(`^${DAY} ${MONTH} [ \\d]\\d ${TIME} \\d{4}$`);

/**
 * Retry-After (RFC 9110, 10.2.3), seconds or a date, as milliseconds from `nowMs`, at most 31 days; null when absent or
 * unusable.
 */
export function parseRetryAfter(value: string | undefined, nowMs: number): number | null {
  const text = value?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1_000, MAX_SPAN_MS);
  const at = parseHttpDate(text);
  return Number.isNaN(at) ? null : Math.min(Math.max(0, at - nowMs), MAX_SPAN_MS);
}

/** Parses the three forms of RFC 9110, 5.6.7. Other formats that Date.parse accepts are refused. */
function parseHttpDate(text: string): number {
  if (IMF_FIXDATE.test(text) || RFC850_DATE.test(text)) return Date.parse(text);
  // Without a zone Date.parse would use local time.
  return ASCTIME_DATE.test(text) ? Date.parse(`${text} GMT`) : Number.NaN;
}
