// Simulates one transfer with deadlines, keep-alive and the probes of its proxy, as `src/transfer` combines them.

import type { TimeoutPhase, TimeoutPlan } from '#timeout/model.ts';
import { afterEvent, atLimit, nextStep, serverMs, WITNESS_TIMES, type WitnessTimes } from '#timeout/witness.ts';
import type { AtLimit, ExpiredLimit, Witness, WitnessEvent } from '#timeout/witness-types.ts';
import type { Random } from './random.ts';
import type { Transfer } from './transfers.ts';
import type { Fate } from './witness-environments.ts';

/**
 * How an attempt ended. `gone`: PROXY-GONE. `error`: keep-alive, a reset, or an error of the proxy. `overtaken`: the next
 * attempt brought a byte first.
 */
export interface Ending {
  readonly by: TimeoutPhase | 'gone' | 'error' | 'complete' | 'overtaken';
  readonly endMs: number;
  /** When the limits were extended; null if they were not. */
  readonly grewMs: number | null;
  /** The next attempt began at that time. */
  readonly hasRival: boolean;
}

/** What an attempt does at its deadline while the proxy is alive and reaches the server. */
export interface AtDeadline {
  /**
   * By the phase that expired, and by what is known. `longer`: all limits become `times` longer. `farewell`: the next attempt
   * begins as well, and this one lasts `times` as long.
   */
  readonly does: (phase: TimeoutPhase, worth: PlayedWorth) => Done;
  /** When the next attempt brings a byte, in ms after its beginning; infinite for never. Null if there is none. */
  readonly rivalFirstMs: ((plan: TimeoutPlan, timedOut: TimeoutPhase) => number) | null;
}

export interface Done {
  readonly what: 'end' | 'longer' | 'farewell';
  readonly times: number;
}

/** Why a transfer may be worth a longer wait, as in `src/transfer/while-watched.ts`. */
export type PlayedWorth = 'reached' | 'unreached' | 'alone';

/** What happens around the transfer. */
export interface Going {
  readonly silences: readonly Silence[];
  fate(atMs: number, random: Random): Fate;
  /** When it ends without a deadline, with the rule's keep-alive. */
  readonly errorMs: number | null;
  reachesOrigin(atMs: number, random: Random, withinMs: number): boolean;
  /** How it ends by these deadlines alone. */
  byDeadlines(plan: TimeoutPlan): Ending;
}

/** From one byte to the next, in ms since the request; the last one of a dead transfer has no end. */
export type Silence = readonly [fromMs: number, untilMs: number];

/** Shorter silences bring no probe. */
const SHORT_MS = 2_500;
const MAX_SILENCES = 400;

/** The silences of a transfer, in order. Between two of them, bytes arrive all the time. */
export function silencesOf({ firstMs, silenceMs, silenceFromMs, lull }: Transfer): Silence[] {
  const first: Silence = [0, firstMs];
  if (silenceMs < SHORT_MS) return [first];
  if (lull === null) return [first, [silenceFromMs, silenceFromMs + silenceMs]];
  const count = Math.min(MAX_SILENCES, Math.ceil((lull.untilMs - lull.fromMs) / silenceMs));
  const each = Array.from(
    { length: count },
    (_none, n): Silence => [lull.fromMs + n * silenceMs, Math.min(lull.untilMs, lull.fromMs + (n + 1) * silenceMs)],
  );
  return [first, ...each];
}

/** The silences of a transfer whose last byte came at `lastMs`; with `drips`, bytes continue to arrive. */
export function silencesUntil(transfer: Transfer, lastMs: number, drips: boolean): Silence[] {
  const before = silencesOf(transfer)
    .filter(([from]) => from < lastMs)
    .map(([from, until]): Silence => [from, Math.min(until, lastMs)]);
  return drips ? before : [...before, [lastMs, Number.POSITIVE_INFINITY]];
}

/** How much of it is silent until `endMs`. */
export function silentMs(silences: readonly Silence[], endMs: number): number {
  return silences.reduce((sum, [from, until]) => sum + Math.max(0, Math.min(until, endMs) - from), 0);
}

/** A witness as it is played: its state, and its probes. */
export interface Watching {
  witness: Witness;
  probes: number;
}

/**
 * Plays the witness until a time. Returns when it found the proxy dead, when a probe broke the transfer, or when `limit` was
 * decided, or null.
 */
function watchUntil(
  watching: Watching,
  going: Going,
  { untilMs, silenceMs, draws, times, limit }: WatchedWait & { readonly silenceMs: number },
): Found | null {
  const queue: WitnessEvent[] = [];
  const events = (until: number) => {
    for (let next = queue[0]; next !== undefined && next.atMs <= until; next = queue[0]) {
      queue.shift();
      watching.witness = afterEvent(watching.witness, next, times);
    }
  };
  watching.witness = afterEvent(watching.witness, { kind: 'waits', atMs: 0, deadlineMs: silenceMs }, times);
  for (const [from, until] of going.silences) {
    if (from > untilMs) break;
    events(from);
    if (from > 0) watching.witness = afterEvent(watching.witness, { kind: 'byte', atMs: from }, times);
    const found = watchSilence(watching, {
      fromMs: from,
      untilMs: Math.min(until, untilMs),
      draws,
      times,
      limit,
      queue,
      events,
    });
    if (found !== null) return found;
    if (until <= untilMs) watching.witness = afterEvent(watching.witness, { kind: 'byte', atMs: until }, times);
  }
  return null;
}

interface WatchedWait {
  readonly untilMs: number;
  readonly draws: Draws;
  readonly times: WitnessTimes;
  /** A limit that has expired. From then on it is decided whether the wait is longer. */
  readonly limit: ExpiredLimit | null;
}

interface Found {
  readonly by: 'gone' | 'error' | Exclude<AtLimit['do'], 'wait'>;
  readonly atMs: number;
}

/** What was drawn for each probe of one transfer, so that the transfer can be played again with other limits. */
class Draws {
  readonly #going: Going;
  readonly #random: Random;
  readonly #drawn: { readonly random: number; readonly fate: Fate }[] = [];

  constructor(going: Going, random: Random) {
    this.#going = going;
    this.#random = random;
  }

  /** The n-th probe, from 1. */
  probe(nth: number, atMs: number): { readonly random: number; readonly fate: Fate } {
    const drawn = this.#drawn[nth - 1] ?? { random: this.#random.next(), fate: this.#going.fate(atMs, this.#random) };
    this.#drawn[nth - 1] = drawn;
    return drawn;
  }
}

function watchSilence(
  watching: Watching,
  {
    fromMs,
    untilMs,
    draws,
    times,
    limit,
    queue,
    events,
  }: WatchedWait & {
    readonly fromMs: number;
    readonly queue: WitnessEvent[];
    events(until: number): void;
  },
): Found | null {
  const before = watching.probes - watching.witness.sent;
  for (let now = fromMs; now <= untilMs; ) {
    if (limit !== null && !limit.isTotal && now >= limit.atMs) {
      watching.witness = afterEvent(watching.witness, { kind: 'expired', atMs: now }, times);
    }
    const step = nextStep(watching.witness, now, times);
    if (step.do === 'gone') return { by: 'gone', atMs: now };
    const decision = limit === null || now < limit.atMs ? null : atLimit(watching.witness, now, limit, times);
    if (decision !== null && decision.do !== 'wait') return { by: decision.do, atMs: now };
    if (step.do === 'close')
      watching.witness = afterEvent(watching.witness, { kind: 'ended', atMs: now, id: step.id }, times);
    else if (step.do === 'probe') {
      watching.probes += 1;
      const id = watching.probes;
      const { random, fate } = draws.probe(id - before, now);
      watching.witness = afterEvent(watching.witness, { kind: 'sent', atMs: now, id, probe: 'get', random }, times);
      if (fate.harms === true) {
        watching.witness = afterEvent(watching.witness, { kind: 'cut', atMs: now }, times);
        return { by: 'error', atMs: now };
      }
      if (fate.acceptsMs !== undefined) queue.push({ kind: 'accepted', atMs: now + fate.acceptsMs, id });
      if (fate.answersMs !== undefined) queue.push({ kind: 'answered', atMs: now + fate.answersMs, id });
      if (fate.endsMs !== undefined) queue.push({ kind: 'ended', atMs: now + fate.endsMs, id });
      queue.sort((one, other) => one.atMs - other.atMs);
    } else {
      const nextMs = Math.min(step.untilMs, decision?.untilMs ?? Number.POSITIVE_INFINITY);
      now = Math.min(nextMs, queue[0]?.atMs ?? Number.POSITIVE_INFINITY);
      if (limit !== null && decision === null && now > limit.atMs) now = limit.atMs;
      if (now <= untilMs) events(now);
    }
  }
  return null;
}

/** With a witness if `watching` is given, as without probes otherwise. */
export function play(
  going: Going,
  plan: TimeoutPlan,
  { watching, atDeadline, random, times = WITNESS_TIMES }: Playing,
): Ending {
  const once = (limits: TimeoutPlan): Ending => {
    const ending = going.byDeadlines(limits);
    return going.errorMs !== null && going.errorMs < ending.endMs
      ? { by: 'error', endMs: going.errorMs, grewMs: null, hasRival: false }
      : ending;
  };
  const first = once(plan);
  if (watching === null) return first;
  const { witness: before, probes } = watching;
  const silenceMs = Math.min(plan.firstByteMs, plan.silenceMs);
  const draws = new Draws(going, random);
  const find = (untilMs: number, limit: ExpiredLimit | null = null) => {
    watching.witness = before;
    watching.probes = probes;
    return watchUntil(watching, going, { untilMs, silenceMs, draws, times, limit });
  };
  const watch = (ending: Ending): Ending => {
    const found = find(ending.endMs);
    if (found === null) return ending;
    return { by: found.by === 'gone' ? 'gone' : 'error', endMs: found.atMs, grewMs: null, hasRival: false };
  };
  /** The wait is longer from `grewMs` on. */
  const extended = (grewMs: number, phase: TimeoutPhase, { what, times: longer }: Done): Ending => {
    const { rivalFirstMs } = atDeadline;
    const alone = watch(once(extendedPlan(plan, longer)));
    const hasRival = what === 'farewell' && rivalFirstMs !== null;
    if (!hasRival) return { ...alone, grewMs };
    const rivalMs = grewMs + rivalFirstMs(plan, phase);
    const silence = going.silences.find(([from, until]) => from <= grewMs && until > grewMs);
    const isOvertaken = rivalMs < Math.min(silence?.[1] ?? grewMs, alone.endMs);
    return isOvertaken ? { by: 'overtaken', endMs: rivalMs, grewMs, hasRival } : { ...alone, grewMs, hasRival };
  };
  const atExpiry = (ending: Ending, phase: TimeoutPhase): Ending => {
    const limit = { atMs: ending.endMs, limitMs: limitOf(plan, phase), isTotal: phase === 'total' };
    const graceMs = Math.min(times.graceMs, limit.limitMs);
    if (!limit.isTotal) watching.witness = afterEvent(watching.witness, { kind: 'expired', atMs: limit.atMs }, times);
    const now = atLimit(watching.witness, limit.atMs, limit, times);
    if (now.do === 'end') return ending;
    // A byte that comes during the wait ends the silence.
    const found = now.do === 'wait' ? find(limit.atMs + graceMs, limit) : { by: now.do, atMs: limit.atMs };
    if (found === null) return extended(limit.atMs, phase, { what: 'longer', times: 1 + graceMs / limit.limitMs });
    const { by, atMs } = found;
    if (by === 'gone' || by === 'error') return { by, endMs: atMs, grewMs: null, hasRival: false };
    if (by === 'end') return { ...ending, endMs: atMs };
    const withinMs = serverMs(watching.witness, times);
    const asked = () => (going.reachesOrigin(atMs, random, withinMs) ? 'reached' : 'unreached');
    const worth = by === 'double' ? 'alone' : asked();
    const longer = extended(atMs, phase, atDeadline.does(phase, worth));
    // It takes this long to learn that the server does not answer.
    const isLate = worth === 'unreached' && longer.endMs < atMs + withinMs && isPhase(longer.by);
    return isLate ? { ...longer, endMs: atMs + withinMs } : longer;
  };
  let ending = watch(first);
  const phase = isPhase(ending.by) ? ending.by : null;
  if (phase !== null && atDeadline.does(phase, 'reached').what !== 'end') ending = atExpiry(ending, phase);
  watching.witness = afterEvent(watching.witness, { kind: 'waits', atMs: ending.endMs, deadlineMs: null }, times);
  return ending;
}

function limitOf({ firstByteMs, silenceMs, totalMs }: TimeoutPlan, phase: TimeoutPhase): number {
  return { first_byte: firstByteMs, silence: silenceMs, total: totalMs }[phase];
}

function extendedPlan(plan: TimeoutPlan, times: number): TimeoutPlan {
  const { firstByteMs, silenceMs, totalMs } = plan;
  return { ...plan, firstByteMs: times * firstByteMs, silenceMs: times * silenceMs, totalMs: times * totalMs };
}

interface Playing {
  readonly watching: Watching | null;
  readonly atDeadline: AtDeadline;
  readonly random: Random;
  readonly times?: WitnessTimes | undefined;
}

export function isPhase(by: Ending['by']): by is TimeoutPhase {
  return by === 'first_byte' || by === 'silence' || by === 'total';
}
