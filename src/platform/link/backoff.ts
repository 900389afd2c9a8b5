// Calculates when the link connects again. Pure: the caller passes the random number.
//
// Guarantees: the wait is at least a second, or a quarter of an hour after a refused login. When the platform restarts,
// the links of many hosts end at the same moment. Their waits are spread over at least half a minute, so that the hosts
// do not all connect at once.

/** Shortest wait, in milliseconds. */
const MIN_WAIT_MS = 1_000;
/** Longest wait after failures that may pass, and after those that a person has to fix. */
const MAX_WAIT_MS = 300_000;
const MAX_CHANGE_WAIT_MS = 3_600_000;
/** After the end of a link that worked, the wait is that of this attempt: up to 32 s. */
export const SPREAD_ATTEMPT = 5;
/** First wait until WebSocket is tried again on a route that blocks it, and the longest. */
const FIRST_PROBE_MS = 300_000;
const MAX_PROBE_MS = 21_600_000;
/** Longest delay that a platform can request. */
const MAX_REQUESTED_MS = 3_600_000;

/** What decides the wait after a failure or an end. */
export interface BackoffOptions {
  /** Failures in a row, including this one; from 1. */
  readonly attempts: number;
  /** `later`: it may pass by itself. `change`: a person has to change something. `credential`: the login was refused. */
  readonly kind: 'later' | 'change' | 'credential';
  /** A delay that the platform requested, in milliseconds from now; 0 without one. */
  readonly requestedMs: number;
  /** A number in [0, 1). */
  readonly random: number;
}

/** Milliseconds until the next attempt: full jitter on a doubling window, after the requested delay. */
export function waitMs({ attempts, kind, requestedMs, random }: BackoffOptions): number {
  const longest = kind === 'later' ? MAX_WAIT_MS : MAX_CHANGE_WAIT_MS;
  const requested = Math.min(Math.max(0, requestedMs), MAX_REQUESTED_MS);
  // A requested delay may end at the same moment for every host.
  const doubling = requested > 0 ? Math.max(attempts, SPREAD_ATTEMPT) : attempts;
  if (kind === 'credential') return Math.round(requested + longest * (0.25 + random * 0.75));
  const windowMs = Math.min(longest, MIN_WAIT_MS * 2 ** Math.min(doubling, 20));
  return Math.round(requested + MIN_WAIT_MS + random * (windowMs - MIN_WAIT_MS));
}

/** Milliseconds until WebSocket is tried again, after a number of attempts in vain while long polling works. */
export function probeWaitMs(probes: number, random: number): number {
  const windowMs = Math.min(MAX_PROBE_MS, FIRST_PROBE_MS * 2 ** Math.min(probes, 10));
  return Math.round(windowMs * (0.5 + random / 2));
}

/** Milliseconds until the next ping: at most `pingMs`, because a proxy may end a tunnel that is silent for longer. */
export function pingWaitMs(pingMs: number, random: number): number {
  return Math.round(pingMs * (1 - random / 4));
}
