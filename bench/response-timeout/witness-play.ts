// Plays one transfer with deadlines, keep-alive and the witness of its proxy, as `src/transfer` combines them.

import type { TimeoutPhase, TimeoutPlan } from '#timeout/model.ts';
import { afterEvent, isKnownAlive, nextStep } from '#timeout/witness.ts';
import type { Witness, WitnessEvent } from '#timeout/witness-types.ts';
import type { Random } from './random.ts';
import type { Transfer } from './transfers.ts';
import type { Fate } from './witness-environments.ts';

/** Idle time before the first keep-alive probe: that of the witness, and today's. */
export const KEEP_ALIVE_MS = { witness: 15_000, today: 30_000 } as const;

/** How an attempt ended. `gone`: PROXY-GONE. `error`: keep-alive, a reset, or an error of the proxy. */
export interface Ending {
  readonly by: TimeoutPhase | 'gone' | 'error' | 'complete';
  readonly endMs: number;
  /** When the limits were doubled; null if they were not. */
  readonly grewMs: number | null;
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
  { untilMs, silenceMs, random }: { readonly untilMs: number; readonly silenceMs: number; readonly random: Random },
): Found | null {
  const queue: WitnessEvent[] = [];
  const events = (until: number) => {
    for (let next = queue[0]; next !== undefined && next.atMs <= until; next = queue[0]) {
      queue.shift();
      watching.witness = afterEvent(watching.witness, next);
    }
  };
  watching.witness = afterEvent(watching.witness, { kind: 'waits', atMs: 0, deadlineMs: silenceMs });
  for (const [from, until] of going.silences) {
    if (from > untilMs) break;
    events(from);
    if (from > 0) watching.witness = afterEvent(watching.witness, { kind: 'byte', atMs: from });
    const found = watchSilence(watching, going, {
      fromMs: from,
      untilMs: Math.min(until, untilMs),
      random,
      queue,
      events,
    });
    if (found !== null) return found;
    if (until <= untilMs) watching.witness = afterEvent(watching.witness, { kind: 'byte', atMs: until });
  }
  return null;
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
    queue,
    events,
  }: {
    readonly fromMs: number;
    readonly untilMs: number;
    readonly random: Random;
    readonly queue: WitnessEvent[];
    events(until: number): void;
  },
): Found | null {
  for (let now = fromMs; now <= untilMs; ) {
    const step = nextStep(watching.witness, now);
    if (step.do === 'gone') return { by: 'gone', atMs: now };
    if (step.do === 'close') watching.witness = afterEvent(watching.witness, { kind: 'ended', atMs: now, id: step.id });
    else if (step.do === 'probe') {
      watching.probes += 1;
      const id = watching.probes;
      const sent = { kind: 'sent', atMs: now, id, probe: 'get', random: random.next() } as const;
      watching.witness = afterEvent(watching.witness, sent);
      const fate = going.fate(now, random);
      if (fate.harms === true) {
        watching.witness = afterEvent(watching.witness, { kind: 'cut', atMs: now });
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

/** With a witness if `watching` is given, as today otherwise. `grows`: whether a limit may be doubled. */
export function play(
  going: Going,
  plan: TimeoutPlan,
  { watching, grows, random }: { readonly watching: Watching | null; readonly grows: boolean; readonly random: Random },
): Ending {
  const once = (limits: TimeoutPlan): Ending => {
    const ending = going.byDeadlines(limits);
    return going.errorMs !== null && going.errorMs < ending.endMs
      ? { by: 'error', endMs: going.errorMs, grewMs: null }
      : ending;
  };
  const first = once(plan);
  if (watching === null) return first;
  const { witness: before, probes } = watching;
  const silenceMs = Math.min(plan.firstByteMs, plan.silenceMs);
  const watch = (ending: Ending): Ending => {
    watching.witness = before;
    watching.probes = probes;
    const found = watchUntil(watching, going, { untilMs: ending.endMs, silenceMs, random });
    return found === null ? ending : { by: found.by, endMs: found.atMs, grewMs: null };
  };
  let ending = watch(first);
  const isTimeout = ending.by === 'first_byte' || ending.by === 'silence' || ending.by === 'total';
  if (isTimeout && grows && isKnownAlive(watching.witness, ending.endMs) && going.reachesOrigin(ending.endMs, random)) {
    const { firstByteMs, totalMs } = plan;
    const doubled = { firstByteMs: 2 * firstByteMs, silenceMs: 2 * plan.silenceMs, totalMs: 2 * totalMs };
    ending = { ...watch(once({ ...plan, ...doubled })), grewMs: ending.endMs };
  }
  watching.witness = afterEvent(watching.witness, { kind: 'waits', atMs: ending.endMs, deadlineMs: null });
  return ending;
}
