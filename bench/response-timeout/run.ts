// Runs one policy on one scenario: simulates every attempt with its deadlines and adds up the cost.

import type { AttemptOutcome, TimeoutPhase, TimeoutPlan } from '#timeout/model.ts';
import { type Before, END_MS, type Policy } from './policy.ts';
import type { Attempt, Job, Truth } from './scenario.ts';
import { bytesAt, type Transfer } from './transfers.ts';

/** Results of one or more runs. */
export class Tally {
  live = 0;
  interrupted = 0;
  jobs = 0;
  lost = 0;
  dead = 0;
  deadWaitMs = 0;
  clairvoyantMs = 0;
  logRatio = 0;
  lostMs = 0;
  usefulBytes = 0;
  thrownAwayBytes = 0;

  add(other: Tally): void {
    for (const key of Object.keys(this) as Exclude<keyof Tally, 'add'>[]) {
      if (typeof this[key] === 'number') this[key] += other[key];
    }
  }
}

/** How an attempt ended. */
export interface Played {
  readonly timedOut: TimeoutPhase | null;
  /** Since the request. */
  readonly endMs: number;
  readonly bytes: number;
}

/** What happened in one job, to inspect a single moment. */
export type Watch = (observed: {
  readonly index: number;
  readonly job: Job;
  readonly plan: TimeoutPlan;
  readonly interrupted: number;
}) => void;

export function run(policy: Policy, jobs: readonly Job[], watch?: Watch): Tally {
  const tally = new Tally();
  for (const [index, job] of jobs.entries()) {
    const interruptedBefore = tally.interrupted;
    const first = oneJob(policy, job, tally);
    watch?.({ index, job, plan: first, interrupted: tally.interrupted - interruptedBefore });
  }
  return tally;
}

/** Attempts until one completes, and the plan of the first. */
function oneJob(policy: Policy, job: Job, tally: Tally): TimeoutPlan {
  tally.jobs += 1;
  let previous: Before | undefined;
  let first: TimeoutPlan | undefined;
  for (const attempt of job.attempts) {
    const plan = policy.plan(job.route, job.size, job.atMs, previous);
    first ??= plan;
    const played = attempt.death === null ? playLive(policy, plan, attempt.transfer) : playDead(policy, plan, attempt);
    policy.observe(job.route, outcomeOf(job, attempt, played));
    count(tally, { job, attempt, played });
    if (played.timedOut === null) return first;
    previous = { plan, timedOut: played.timedOut };
  }
  if (!job.down) tally.lost += 1;
  return first as TimeoutPlan;
}

export function playLive(policy: Policy, plan: TimeoutPlan, transfer: Transfer): Played {
  const byPhase = earliest(
    transfer.firstMs > plan.firstByteMs ? { timedOut: 'first_byte', endMs: plan.firstByteMs } : null,
    transfer.silenceMs > plan.silenceMs
      ? { timedOut: 'silence', endMs: transfer.silenceFromMs + plan.silenceMs }
      : null,
    slowEnd(policy, transfer),
  );
  const wouldEndMs = Math.min(transfer.totalMs, byPhase?.endMs ?? Number.POSITIVE_INFINITY);
  const endMs = totalEnd(policy, plan, { untilMs: wouldEndMs, bytes: (ms) => bytesAt(transfer, ms) });
  if (endMs !== null) return { timedOut: 'total', endMs, bytes: bytesAt(transfer, endMs) };
  if (byPhase !== null && byPhase.endMs < transfer.totalMs)
    return { ...byPhase, bytes: bytesAt(transfer, byPhase.endMs) };
  return { timedOut: null, endMs: transfer.totalMs, bytes: transfer.size };
}

type Ended = Pick<Played, 'timedOut' | 'endMs'>;

function earliest(...ends: readonly (Ended | null)[]): Ended | null {
  return ends.reduce((best, end) => (end !== null && (best === null || end.endMs < best.endMs) ? end : best), null);
}

/** Where a rule of low speed ends a transfer: within the wait, the lull or the longest silence, if those are long. */
function slowEnd({ lowSpeed }: Policy, { firstMs, silenceMs, silenceFromMs, lull }: Transfer): Ended | null {
  if (lowSpeed === undefined) return null;
  const slow = (fromMs: number, forMs: number): Ended | null =>
    forMs > lowSpeed.forMs ? { timedOut: 'silence', endMs: fromMs + lowSpeed.forMs } : null;
  const pace = lull === null ? 0 : ((lull.untilBytes - lull.fromBytes) / (lull.untilMs - lull.fromMs)) * 1_000;
  const lulled = lull !== null && pace < lowSpeed.bytesPerSecond ? slow(lull.fromMs, lull.untilMs - lull.fromMs) : null;
  return earliest(slow(0, firstMs), slow(silenceFromMs, silenceMs), lulled);
}

/** When the total deadline ends an attempt that would last until `untilMs`; null if it does not. */
function totalEnd(
  policy: Policy,
  plan: TimeoutPlan,
  going: { readonly untilMs: number; bytes(ms: number): number },
): number | null {
  let deadlineMs = plan.totalMs;
  while (deadlineMs < going.untilMs) {
    const next = policy.extend(plan, deadlineMs, Math.floor(going.bytes(deadlineMs)));
    if (next === 0) return deadlineMs;
    deadlineMs = next;
  }
  return null;
}

/** A dead attempt ends at a deadline or at the maximum wait of the simulation. */
export function playDead(policy: Policy, plan: TimeoutPlan, attempt: Attempt): Played {
  const { transfer, death } = attempt;
  const limit = policy.lowSpeed?.forMs ?? Number.POSITIVE_INFINITY;
  const lastMs = lastByteMs(attempt);
  const bytes = (ms: number) =>
    bytesAt(transfer, Math.min(ms, lastMs)) + (death === 'drip' ? (ms - lastMs) / 1_000 : 0);
  // An attempt that was too slow before it died is a kind of false abort; here it counts as dead.
  const early = death === 'mute' ? null : playLiveUntil(policy, plan, { transfer, lastMs });
  if (early !== null) return early;
  const waitMs = { mute: plan.firstByteMs, stuck: plan.silenceMs, drip: Number.POSITIVE_INFINITY }[death ?? 'mute'];
  const byPhase = Math.min(lastMs + Math.min(waitMs, limit), lastMs + END_MS);
  const byTotal = totalEnd(policy, plan, { untilMs: byPhase, bytes });
  if (byTotal !== null) return { timedOut: 'total', endMs: byTotal, bytes: bytes(byTotal) };
  return { timedOut: death === 'mute' ? 'first_byte' : 'silence', endMs: byPhase, bytes: bytes(byPhase) };
}

function playLiveUntil(
  policy: Policy,
  plan: TimeoutPlan,
  { transfer, lastMs }: { transfer: Transfer; lastMs: number },
): Played | null {
  const played = playLive(policy, plan, transfer);
  return played.timedOut !== null && played.endMs < lastMs ? played : null;
}

export function lastByteMs({ death, transfer, stopShare }: Attempt): number {
  return death === 'mute' ? 0 : transfer.firstMs + stopShare * (transfer.totalMs - transfer.firstMs);
}

function outcomeOf(job: Job, { transfer }: Attempt, { timedOut, endMs }: Played): AttemptOutcome {
  const ok = timedOut === null;
  const cameMs = timedOut === 'first_byte' || transfer.firstMs > endMs ? null : transfer.firstMs;
  return {
    size: job.size,
    ok,
    timedOut,
    firstByteMs: cameMs,
    longestSilenceMs: ok ? transfer.silenceMs : null,
    totalMs: endMs,
    atMs: job.atMs + endMs,
  };
}

function count(
  tally: Tally,
  observed: { readonly job: Job; readonly attempt: Attempt; readonly played: Played },
): void {
  const { job, attempt, played } = observed;
  if (attempt.death === null) {
    tally.live += 1;
    if (played.timedOut === null) {
      tally.usefulBytes += job.size;
      return;
    }
    tally.interrupted += 1;
  } else {
    const waitMs = Math.max(1, played.endMs - lastByteMs(attempt));
    const knownMs = clairvoyantWait(attempt, job.truth());
    tally.dead += 1;
    tally.deadWaitMs += waitMs;
    tally.clairvoyantMs += knownMs;
    tally.logRatio += Math.log(waitMs / knownMs);
  }
  tally.lostMs += played.endMs;
  // If a proxy holds a file back and discards it on an abort, it has to fetch all of it again.
  tally.thrownAwayBytes += attempt.death === null ? job.size * Math.min(1, played.endMs / attempt.transfer.totalMs) : 0;
}

/** A trickle is recognized when the whole file should have arrived. */
export function clairvoyantWait(attempt: Attempt, truth: Truth): number {
  if (attempt.death === 'mute') return truth.firstByteMs;
  if (attempt.death === 'stuck') return truth.silenceMs;
  return Math.max(1_000, truth.totalMs - lastByteMs(attempt));
}
