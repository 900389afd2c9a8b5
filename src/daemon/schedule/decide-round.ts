// Which slot is due and where this host stands in the fleet. Pure: the moments are given.

import { createHash } from 'node:crypto';
import type { Slots } from './slots.ts';

/** No two rounds begin within so long. */
export const SOONEST_MS = 60_000;
/** A round that begins so late is still in time; later ones wait for the fixed delay, lest a fleet wakes as one. */
const IN_TIME_MS = 90_000;
/** A record further ahead of the clock is none to go by: the clock was wrong then, or is now. */
const FURTHEST_AHEAD_MS = 86_400_000;

/** How the slot after the last run stands. */
export type Turn =
  | { readonly kind: 'never' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'due' }
  | { readonly kind: 'overdue'; readonly slotMs: number };

/** Judges the first slot after `doneMs`, up to which everything is done with. */
export function classifySlot(at: {
  readonly slots: Slots;
  readonly doneMs: number;
  readonly nowMs: number;
  readonly delayMs: number;
}): Turn {
  const slotMs = at.slots.next(at.doneMs);
  if (slotMs === null) return { kind: 'never' };
  const lateMs = at.nowMs - slotMs - at.delayMs;
  if (lateMs < 0) return { kind: 'wait', ms: -lateMs };
  return lateMs <= IN_TIME_MS ? { kind: 'due' } : { kind: 'overdue', slotMs };
}

/**
 * Up to when all slots are done with. After a small step back none runs twice; after a great one all begins anew, from
 * the last look on, `sinceLookMs` ago: a slot may have come between the step and now.
 */
export function doneUntil(lastRunMs: number, nowMs: number, sinceCheckMs = 0): number {
  return lastRunMs - nowMs > FURTHEST_AHEAD_MS ? nowMs - sinceCheckMs : lastRunMs;
}

/** Where this host stands inside the jitter, in ms: the same after every restart. */
export function fixedDelay(agentId: string, jitterSeconds: number): number {
  const position = createHash('sha256').update(`jitter:${agentId}`).digest().readUInt32BE(0) / 2 ** 32;
  return Math.floor(position * jitterSeconds * 1_000);
}
