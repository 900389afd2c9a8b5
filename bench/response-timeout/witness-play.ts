// Simulates one transfer with deadlines, keep-alive and the probes of its proxy, as `src/transfer` combines them.

import type { TimeoutPhase, TimeoutPlan } from '#timeout/model.ts';
import { afterEvent, isKnownAlive, nextStep, WITNESS_TIMES, type WitnessTimes } from '#timeout/witness.ts';
import type { Witness, WitnessEvent } from '#timeout/witness-types.ts';
import type { Random } from './random.ts';
import type { Transfer } from './transfers.ts';
import type { Fate } from './witness-environments.ts';

/** Idle time before the first keep-alive probe: that of the witness, and today's. */
export const KEEP_ALIVE_MS = { witness: 15_000, today: 30_000 } as const;

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
   * By the phase that expired. `longer`: all limits become `times` longer. `farewell`: the next attempt begins as well, and
   * this one lasts `times` as long.
   */
  readonly does: (phase: TimeoutPhase) => { readonly what: 'end' | 'longer' | 'farewell'; readonly times: number };
  /** When the next attempt brings a byte, in ms after its beginning; infinite for never. Null if there is none. */
  readonly rivalFirstMs: ((plan: TimeoutPlan, timedOut: TimeoutPhase) => number) | null;
}

/** What happens around the transfer. */
export interface Going {
  readonly silences: readonly Silence[];
  fate(atMs: number, random: Random): Fate;
  /** When it ends without a deadline, with the rule's keep-alive. */
  readonly errorMs: number | null;
  reachesOrigin(atMs: number, random: Random): boolean;
  /** How it ends by these deadlines alone. */
  byDeadlines(plan: TimeoutPlan): Ending;
}

/** From one byte to the next, in ms since the request; the last one of a dead transfer has no end. */
export type Silence = readonly [fromMs: number, untilMs: number];

/** A check of the server that is not answered takes this long. */
const ORIGIN_CHECK_MS = 8_000;
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

/** Plays the witness until a time. Returns when it found the proxy dead or a probe broke the transfer, or null. */
function watchUntil(
  watching: Watching,
  going: Going,
  { untilMs, silenceMs, random, times }: WatchedWait & { readonly silenceMs: number },
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
    const found = watchSilence(watching, going, {
      fromMs: from,
      untilMs: Math.min(until, untilMs),
      random,
      times,
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
  readonly random: Random;
  readonly times: WitnessTimes;
}

interface Found {
  readonly by: 'gone' | 'error';
  readonly atMs: number;
}

function watchSilence(
  watching: Watching,
  going: Going,
  {
    fromMs,
    untilMs,
    random,
    times,
    queue,
    events,
  }: WatchedWait & {
    readonly fromMs: number;
    readonly queue: WitnessEvent[];
    events(until: number): void;
  },
): Found | null {
  for (let now = fromMs; now <= untilMs; ) {
    const step = nextStep(watching.witness, now, times);
    if (step.do === 'gone') return { by: 'gone', atMs: now };
    if (step.do === 'close')
      watching.witness = afterEvent(watching.witness, { kind: 'ended', atMs: now, id: step.id }, times);
    else if (step.do === 'probe') {
      watching.probes += 1;
      const id = watching.probes;
      const sent = { kind: 'sent', atMs: now, id, probe: 'get', random: random.next() } as const;
      watching.witness = afterEvent(watching.witness, sent, times);
      const fate = going.fate(now, random);
      if (fate.harms === true) {
        watching.witness = afterEvent(watching.witness, { kind: 'cut', atMs: now }, times);
        return { by: 'error', atMs: now };
      }
      if (fate.acceptsMs !== undefined) queue.push({ kind: 'accepted', atMs: now + fate.acceptsMs, id });
      if (fate.answersMs !== undefined) queue.push({ kind: 'answered', atMs: now + fate.answersMs, id });
      if (fate.endsMs !== undefined) queue.push({ kind: 'ended', atMs: now + fate.endsMs, id });
      queue.sort((one, other) => one.atMs - other.atMs);
    } else {
      now = Math.min(step.untilMs, queue[0]?.atMs ?? Number.POSITIVE_INFINITY);
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
  const watch = (ending: Ending): Ending => {
    watching.witness = before;
    watching.probes = probes;
    const found = watchUntil(watching, going, { untilMs: ending.endMs, silenceMs, random, times });
    return found === null ? ending : { by: found.by, endMs: found.atMs, grewMs: null, hasRival: false };
  };
  const extended = ({ endMs: grewMs }: Ending, phase: TimeoutPhase): Ending => {
    const { rivalFirstMs } = atDeadline;
    const { what, times: longer } = atDeadline.does(phase);
    const alone = watch(once(extendedPlan(plan, longer)));
    const hasRival = what === 'farewell' && rivalFirstMs !== null;
    if (!hasRival) return { ...alone, grewMs };
    const rivalMs = grewMs + rivalFirstMs(plan, phase);
    const silence = going.silences.find(([from, until]) => from <= grewMs && until > grewMs);
    const isOvertaken = rivalMs < Math.min(silence?.[1] ?? grewMs, alone.endMs);
    return isOvertaken ? { by: 'overtaken', endMs: rivalMs, grewMs, hasRival } : { ...alone, grewMs, hasRival };
  };
  let ending = watch(first);
  const phase = isPhase(ending.by) ? ending.by : null;
  const does = phase === null ? 'end' : atDeadline.does(phase).what;
  // At the limit for the whole transfer, bytes have just arrived.
  const isAlive = phase === 'total' || isKnownAlive(watching.witness, ending.endMs, times);
  if (phase !== null && does !== 'end' && isAlive) {
    const expiredMs = ending.endMs;
    if (going.reachesOrigin(expiredMs, random)) ending = extended(ending, phase);
    // It takes this long to learn that the server does not answer.
    else ending = { ...ending, endMs: expiredMs + ORIGIN_CHECK_MS };
  }
  watching.witness = afterEvent(watching.witness, { kind: 'waits', atMs: ending.endMs, deadlineMs: null }, times);
  return ending;
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
