// Compares the rule that uses probes (the witness) with the rule without probes, on the same transfers through living
// and dead proxies.

import { ResponseTimeoutModel, type TimeoutPhase, type TimeoutPlan } from '#timeout/model.ts';
import { newWitness, type WitnessTimes } from '#timeout/witness.ts';
import { ALONE_TIMES, SLOW_TIMES, UNREACHED_TIMES, WITH_SECOND_TIMES } from '#transfer/late-farewell.ts';
import { KINDS, type Kind } from './kinds.ts';
import type { Before, Policy } from './policy.ts';
import { Random, seedOf } from './random.ts';
import { clairvoyantWait, lastByteMs, playDead, playLive } from './run.ts';
import { type Attempt, type Job, scenarioOf } from './scenario.ts';
import { bytesAt, type Transfer } from './transfers.ts';
import { CAUSES } from './witness-deaths.ts';
import { ENVIRONMENTS, type Fate, KEEP_ALIVE } from './witness-environments.ts';
import {
  type AtDeadline,
  type Done,
  type Ending,
  type Going,
  isPhase,
  type PlayedWorth,
  play,
  silencesOf,
  silencesUntil,
  silentMs,
  type Watching,
} from './witness-play.ts';

/** A rule: with or without a witness, and what it does at a deadline while the proxy is alive. */
export interface Rule {
  readonly name: string;
  readonly witness: boolean;
  readonly does: AtDeadline['does'];
  /** What an attempt does that began during another one; it ends if that is absent. */
  readonly rivalDoes?: AtDeadline['does'];
  readonly times?: WitnessTimes;
}

const END: AtDeadline['does'] = () => ({ what: 'end', times: 1 });

/** What a request does without a second one. */
function aloneDoes(phase: TimeoutPhase, worth: PlayedWorth): Done {
  if (worth === 'unreached') return { what: 'longer', times: UNREACHED_TIMES };
  return { what: 'longer', times: phase === 'total' ? SLOW_TIMES : ALONE_TIMES };
}

export const RULES: readonly Rule[] = [
  { name: 'without probes', witness: false, does: END },
  {
    name: 'with probes, second request (shipped)',
    witness: true,
    does: (phase, worth) => {
      // A transfer that trickles would end the second request with its next byte.
      const alone = aloneDoes(phase, worth);
      return worth === 'reached' && phase !== 'total' ? { what: 'farewell', times: WITH_SECOND_TIMES } : alone;
    },
    rivalDoes: aloneDoes,
  },
  { name: 'with probes, doubled', witness: true, does: () => ({ what: 'longer', times: 2 }) },
  { name: 'with probes alone', witness: true, does: END },
];

/** Sums over the transfers of one rule. */
export class Sums {
  live = 0;
  killed = 0;
  /** Of these, by PROXY-GONE or by a probe. */
  killedByProbe = 0;
  /** Of these, because the next attempt brought a byte first. */
  overtaken = 0;
  jobs = 0;
  lost = 0;
  lostMs = 0;
  usefulBytes = 0;
  wastedBytes = 0;
  probes = 0;
  heldMs = 0;
  readonly causes = new Map<string, { count: number; waitMs: number; clairvoyantMs: number }>();
  /** Waits for a hung proxy where the deadline was over 30 s. */
  readonly hungMs: number[] = [];
}

const ATTEMPTS = 4;
/** The next attempt replaces the old one when it has brought this much. */
const OVERTAKES_BYTES = 65_536;
const LONG_DEADLINE_MS = 30_000;
const ANSWERED: Fate = { acceptsMs: 1, answersMs: 5 };

function policy(): Policy {
  const model = new ResponseTimeoutModel();
  return {
    name: 'adaptive',
    plan: (route, size, nowMs, previous) => model.plan(route, size, nowMs, previous),
    extend: (plan, elapsedMs, bytes) => model.extend(plan, elapsedMs, bytes),
    observe: (route, outcome) => model.observe(route, outcome),
  };
}

const drawn = new Map<string, readonly Job[]>();

/** Drawn once and used for all rules and environments. */
function scenario(kind: Kind, seed: number, jobs: number): readonly Job[] {
  const name = `${kind.name} ${seed} ${jobs}`;
  const known = drawn.get(name) ?? scenarioOf(kind, seed, jobs);
  drawn.set(name, known);
  return known;
}

/** Runs a rule on all kinds of route in one environment. */
export function runRule(
  rule: Rule,
  environment: string,
  { seed, jobs }: { readonly seed: number; readonly jobs: number },
): Sums {
  const sums = new Sums();
  for (const kind of KINDS) {
    const learned = policy();
    const watching: Watching | null = rule.witness ? { witness: newWitness(), probes: 0 } : null;
    for (const [index, job] of scenario(kind, seed, jobs).entries()) {
      const random = new Random(seedOf(seed, index, kind.name.length, 99));
      oneJob({ rule, learned, watching, environment, sums, random }, job);
    }
    sums.probes += watching?.probes ?? 0;
  }
  return sums;
}

interface Running {
  readonly rule: Rule;
  readonly learned: Policy;
  readonly watching: Watching | null;
  readonly environment: string;
  readonly sums: Sums;
  readonly random: Random;
}

function oneJob(running: Running, job: Job): void {
  const { sums, learned, rule, random, watching } = running;
  sums.jobs += 1;
  let previous: Before | undefined;
  /** This attempt began at the deadline of the one before. */
  let isRival = false;
  const attempts = job.attempts.slice(0, ATTEMPTS);
  for (const [index, attempt] of attempts.entries()) {
    const plan = learned.plan(job.route, job.size, job.atMs, previous);
    const { transfer } = attempt;
    // Deaths are measured where the proxy is plain.
    const isDead = attempt.death !== null && running.environment === 'plain';
    const atDeadline = isRival
      ? { does: rule.rivalDoes ?? END, rivalFirstMs: null }
      : atDeadlineOf(running, job, attempts[index + 1]);
    if (isDead) countDeaths(running, { job, attempt, plan, atDeadline });
    const cause = random.pick(Object.keys(CAUSES));
    const going = isDead ? dying(running, attempt, cause) : living(running, transfer);
    const ending = play(going, plan, { watching, random, atDeadline, times: rule.times });
    const wasRival = isRival;
    isRival = ending.hasRival;
    sums.heldMs += silentMs(going.silences, ending.endMs);
    // The time after the next attempt has begun is not lost.
    if (isDead) sums.lostMs += ending.hasRival ? (ending.grewMs ?? 0) : ending.endMs;
    else countLiving(running, job, { transfer, ending, rival: attempts[index + 1]?.transfer });
    // Neither teaches the model anything, and the next attempt has the same limits.
    if (ending.by === 'gone' || ending.by === 'error') continue;
    const timedOut = isPhase(ending.by) ? ending.by : null;
    const isComplete = ending.by === 'complete';
    if (ending.by !== 'overtaken') {
      learned.observe(job.route, {
        size: job.size,
        ok: isComplete,
        timedOut,
        firstByteMs: ending.by === 'first_byte' || transfer.firstMs > ending.endMs ? null : transfer.firstMs,
        longestSilenceMs: isComplete ? transfer.silenceMs : null,
        totalMs: ending.endMs,
        atMs: job.atMs + ending.endMs,
      });
    }
    if (isComplete) return;
    // The attempt after a second request is compared with the first one.
    previous = { plan: wasRival && previous !== undefined ? previous.plan : plan, timedOut: timedOut ?? 'silence' };
  }
  if (!job.down) sums.lost += 1;
}

function atDeadlineOf({ rule, learned }: Running, job: Job, next: Attempt | undefined): AtDeadline {
  const { does } = rule;
  if (next === undefined) return { does, rivalFirstMs: null };
  return {
    does,
    rivalFirstMs: (plan, timedOut) => {
      const { transfer } = next;
      if (next.death === 'mute') return Number.POSITIVE_INFINITY;
      const limit = learned.plan(job.route, job.size, job.atMs, { plan, timedOut }).firstByteMs;
      if (transfer.firstMs > limit) return Number.POSITIVE_INFINITY;
      const enoughMs = timeOfBytes(transfer, Math.min(job.size, OVERTAKES_BYTES));
      return next.death === null || enoughMs <= lastByteMs(next) ? enoughMs : Number.POSITIVE_INFINITY;
    },
  };
}

/** When this many bytes of a transfer have arrived. */
function timeOfBytes(transfer: Transfer, bytes: number): number {
  let [before, after] = [transfer.firstMs, transfer.totalMs];
  while (after - before > 1) {
    const middle = (before + after) / 2;
    if (bytesAt(transfer, middle) >= bytes) after = middle;
    else before = middle;
  }
  return after;
}

/** How a living transfer goes in the environment. */
function living({ rule, learned, environment, random }: Running, transfer: Transfer): Going {
  const around = (ENVIRONMENTS[environment] as (typeof ENVIRONMENTS)[string])(transfer, random);
  return {
    silences: silencesOf(around.transfer),
    fate: around.fate,
    errorMs: around.keepAliveEndMs(rule.witness ? KEEP_ALIVE.witness : KEEP_ALIVE.today),
    reachesOrigin: around.reachesOrigin,
    byDeadlines: (plan) => {
      const { timedOut, endMs } = playLive(learned, plan, around.transfer);
      return { by: timedOut ?? 'complete', endMs, grewMs: null, hasRival: false };
    },
  };
}

/** How a transfer goes that dies by this cause: half of them with the last byte, the others within the silence after it. */
function dying(
  { rule, learned, random }: Running,
  attempt: Attempt,
  cause: string,
): Going & { readonly deathMs: number } {
  const signs = (CAUSES[cause] as (typeof CAUSES)[string])(random);
  const stuck = attempt.death === 'drip' ? 'stuck' : attempt.death;
  const dead: Attempt = { ...attempt, death: signs.drips ? 'drip' : stuck };
  const lastMs = lastByteMs(dead);
  const silence = dead.death === 'mute' ? attempt.transfer.firstMs : attempt.transfer.silenceMs;
  const deathMs = lastMs + (random.chance(0.5) ? 0 : random.next() * silence);
  const errorMs = signs.errorMs(rule.witness ? KEEP_ALIVE.witness : KEEP_ALIVE.today);
  return {
    deathMs,
    silences: silencesUntil(attempt.transfer, lastMs, signs.drips),
    fate: (at, dice) => (at < deathMs ? ANSWERED : signs.fate(at - deathMs, dice)),
    errorMs: errorMs === null ? null : deathMs + errorMs,
    reachesOrigin: () => signs.reachesOrigin,
    byDeadlines: (plan) => {
      const { timedOut, endMs } = playDead(learned, plan, dead);
      return { by: timedOut ?? 'complete', endMs, grewMs: null, hasRival: false };
    },
  };
}

/** Plays a death by each cause, from the same state, so that all causes meet the same transfers. */
function countDeaths(
  running: Running,
  { job, attempt, plan, atDeadline }: { job: Job; attempt: Attempt; plan: TimeoutPlan; atDeadline: AtDeadline },
): void {
  const { rule, sums, watching } = running;
  const state = watching === null ? null : { ...watching };
  for (const cause of Object.keys(CAUSES)) {
    const random = new Random(seedOf(job.atMs, cause.length, cause.charCodeAt(0), cause.charCodeAt(1)));
    const going = dying({ ...running, random }, attempt, cause);
    const own = state === null ? null : { ...state };
    const ending = play(going, plan, { watching: own, atDeadline, random, times: rule.times });
    // With a farewell the next attempt begins at the deadline.
    const endMs = ending.hasRival ? (ending.grewMs ?? 0) : ending.endMs;
    const waitMs = Math.max(1, endMs - going.deathMs);
    const known = sums.causes.get(cause) ?? { count: 0, waitMs: 0, clairvoyantMs: 0 };
    sums.causes.set(cause, known);
    known.count += 1;
    known.waitMs += waitMs;
    known.clairvoyantMs += clairvoyantWait(attempt, job.truth());
    const deadlineMs = attempt.death === 'mute' ? plan.firstByteMs : plan.silenceMs;
    if (cause === 'a1' && deadlineMs > LONG_DEADLINE_MS) sums.hungMs.push(waitMs);
  }
}

function countLiving(
  { sums, environment }: Running,
  job: Job,
  { transfer, ending, rival }: { transfer: Transfer; ending: Ending; rival: Transfer | undefined },
) {
  sums.live += 1;
  const isKilled = ending.by !== 'complete';
  if (isKilled) {
    sums.killed += 1;
    if (ending.by === 'overtaken') sums.overtaken += 1;
    sums.lostMs += ending.hasRival ? (ending.grewMs ?? 0) : ending.endMs;
    // Where keep-alive ends a transfer, no probe did.
    if (ending.by === 'gone' || (ending.by === 'error' && environment === 'h3')) sums.killedByProbe += 1;
    sums.wastedBytes += job.size * Math.min(1, ending.endMs / transfer.totalMs);
    return;
  }
  sums.usefulBytes += job.size;
  // The other attempt of a farewell was begun in vain.
  if (ending.grewMs === null || !ending.hasRival || rival === undefined) return;
  const until = [transfer.firstMs, transfer.silenceFromMs + transfer.silenceMs].find((ms) => ms > (ending.grewMs ?? 0));
  sums.wastedBytes += job.size * Math.min(1, ((until ?? ending.endMs) - ending.grewMs) / rival.totalMs);
}
