// Decides which scheduled time is due, including the delay of this host. Each host of a fleet has its own fixed delay,
// so that they do not all check at the same time. Pure: times are arguments.

import { hash } from 'node:crypto';
import type { Slots } from './slots.ts';

/** Minimum time between the starts of two rounds, in milliseconds. */
export const SOONEST_MS = 60_000;
/**
 * A round that starts at most this late is on time. Later ones wait for the fixed delay, so that a fleet does not
 * start all at once.
 */
const IN_TIME_MS = 90_000;
/** A record further ahead of the clock is ignored: the clock was wrong then, or is now. */
const FURTHEST_AHEAD_MS = 86_400_000;

/** The state of the slot after the last run. */
export type SlotState =
  | { readonly kind: 'never' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'due' }
  | { readonly kind: 'overdue'; readonly slotMs: number };

/** Classifies the first slot after `doneMs`. All slots up to `doneMs` are done. */
export function classifySlot(at: {
  readonly slots: Slots;
  readonly doneMs: number;
  readonly nowMs: number;
  readonly delayMs: number;
}): SlotState {
  const slotMs = at.slots.next(at.doneMs);
  if (slotMs === null) return { kind: 'never' };
  const lateMs = at.nowMs - slotMs - at.delayMs;
  if (lateMs < 0) return { kind: 'wait', ms: -lateMs };
  return lateMs <= IN_TIME_MS ? { kind: 'due' } : { kind: 'overdue', slotMs };
}

/**
 * The time up to which all slots are done. After a small step back of the clock no slot runs twice. After a large
 * one, slots are counted from the last check, `sinceCheckMs` ago: a slot may have passed between the step and now.
 */
export function doneUntil(lastRunMs: number, nowMs: number, sinceCheckMs = 0): number {
  return lastRunMs - nowMs > FURTHEST_AHEAD_MS ? nowMs - sinceCheckMs : lastRunMs;
}

/** The delay of this host within the jitter, in milliseconds: the same after every restart. */
export function fixedDelay(agentId: string, jitterSeconds: number): number {
  // Requested at every look at the clock, mostly without jitter.
  if (jitterSeconds === 0) return 0;
  const position = hash('sha256', `jitter:${agentId}`, 'buffer').readUInt32BE(0) / 2 ** 32;
  return Math.floor(position * jitterSeconds * 1_000);
}
