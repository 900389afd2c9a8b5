// The interface of a timeout policy. The model and the rules that it is compared with implement it.

import type { AttemptOutcome, RouteKey, TimeoutPhase, TimeoutPlan } from '#timeout/model.ts';

/** The maximum wait in the simulation, for rules without a limit. */
export const END_MS = 6 * 3_600_000;

/** The previous attempt for the same package. */
export interface Before {
  readonly plan: TimeoutPlan;
  readonly timedOut: TimeoutPhase | null;
}

export interface Policy {
  readonly name: string;
  plan(route: RouteKey, size: number, nowMs: number, previous?: Before): TimeoutPlan;
  /** At the total deadline; 0 ends the attempt. */
  extend(plan: TimeoutPlan, elapsedMs: number, bytes: number): number;
  observe(route: RouteKey, outcome: AttemptOutcome): void;
  /** Ends an attempt that receives fewer than this many bytes per second for this long. */
  readonly lowSpeed?: { readonly bytesPerSecond: number; readonly forMs: number };
}

/** Deadlines as a plan. */
export function planOf(size: number, firstByteMs: number, silenceMs: number, totalMs: number): TimeoutPlan {
  return { size, firstByteMs, silenceMs, totalMs, expectedMs: null, explanation: '' };
}
