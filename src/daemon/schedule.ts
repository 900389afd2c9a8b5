// When the next round runs: the cron expression of `updates.schedule`, spread over the fleet by a delay that is fixed
// per host, so that hosts keep their distance from each other and an admin can foresee the minute.
//
// node-cron says when a slot begins; the wait inside the slot runs on our clock. Something that asked to be tried
// earlier (Retry-After) gets an extra round, never sooner than a minute.

import { createHash } from 'node:crypto';
import cron from 'node-cron';
import type { Clock, Timer } from '#system/clock.ts';

/** No extra round comes sooner than this: no server can make us run hot. */
const SOONEST_EXTRA_MS = 60_000;

export interface ScheduleOptions {
  readonly expression: string;
  readonly jitterSeconds: number;
  /** The id of this installation; it fixes the delay. */
  readonly agentId: string;
  readonly clock: Clock;
  /** Runs a round; never rejects. */
  onDue(): void;
}

/** A running schedule. */
export interface Schedule {
  /** The moment of the next round, ms since the epoch. */
  nextAt(): number | null;
  /** Asks for an extra round at this moment, when that is before the next slot. */
  tryAt(atMs: number): void;
  stop(): void;
}

/** Starts the schedule. */
export function startSchedule(options: ScheduleOptions): Schedule {
  const { clock, onDue } = options;
  const delayMs = fixedDelay(options.agentId, options.jitterSeconds);
  let pending: Timer | null = null;
  let extra: { timer: Timer; at: number } | null = null;
  const task = cron.schedule(options.expression, () => {
    pending?.cancel();
    pending = clock.after(delayMs, onDue);
  });
  const nextSlot = (): number | null => {
    const slot = task.getNextRun();
    return slot === null ? null : slot.getTime() + delayMs;
  };
  return {
    nextAt() {
      const slot = nextSlot();
      return extra === null || slot === null ? (slot ?? extra?.at ?? null) : Math.min(slot, extra.at);
    },
    tryAt(atMs) {
      const now = clock.now();
      const at = Math.max(atMs, now + SOONEST_EXTRA_MS);
      const slot = nextSlot();
      if (slot !== null && slot <= at) return;
      extra?.timer.cancel();
      const timer = clock.after(at - now, () => {
        extra = null;
        onDue();
      });
      extra = { timer, at };
    },
    stop() {
      pending?.cancel();
      extra?.timer.cancel();
      void task.destroy();
    },
  };
}

/** Where this host stands inside the jitter, in ms: the same after every restart. */
export function fixedDelay(agentId: string, jitterSeconds: number): number {
  const position = createHash('sha256').update(`jitter:${agentId}`).digest().readUInt32BE(0) / 2 ** 32;
  return Math.floor(position * jitterSeconds * 1_000);
}
