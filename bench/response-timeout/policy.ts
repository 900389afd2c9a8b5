// What every policy is asked: the model under test and the rules that it is compared with answer the same questions.

import type { Outcome, RouteKey, TimeoutPhase, TimeoutPlan } from '#timeout/model.ts';

/** Nothing waits longer than this in the simulation, so that rules without an end have one. */
export const END_MS = 6 * 3_600_000;

/** The attempt before, of the same package. */
export interface Before {
  readonly plan: TimeoutPlan;
  readonly timedOut: TimeoutPhase | null;
}

export interface Policy {
  readonly name: string;
  plan(route: RouteKey, size: number, nowMs: number, previous?: Before): TimeoutPlan;
  /** At the total deadline; 0 ends the attempt. */
  extend(plan: TimeoutPlan, elapsedMs: number, bytes: number): number;
  observe(route: RouteKey, outcome: Outcome): void;
  /** Ends an attempt that brings less than so many bytes a second for so long. */
  readonly lowSpeed?: { readonly bytesPerSecond: number; readonly forMs: number };
}

/** Deadlines as a plan. */
export function planOf(size: number, firstByteMs: number, silenceMs: number, totalMs: number): TimeoutPlan {
  return { size, firstByteMs, silenceMs, totalMs, expectedMs: null, explanation: '' };
}
