// From what a route has shown to the deadline of one phase: the worst recent line, times a margin that narrows with
// evidence, never under what an unknown route gets as long as there is little of it.

import { at, type Line } from './line.ts';
import { type History, recentSamples } from './samples.ts';
import type { TimeoutPhase } from './types.ts';
import { lineFor, type Worst, worstOf } from './worst.ts';

const MB = 1e6;
/** What is allowed where nothing is known: the manual's tip, and a scanner of 1 MB/s. */
const COLD_BASE_MS = 300_000;
const COLD_MS_PER_BYTE = 1_000 / MB;
/** The start of an unknown route fades with its first samples. */
const COLD_FADES_BY = 10;
const MARGIN = 1.5;
const MARGIN_OF_FEW = 5;
/** The whole needs less: who comes in at a pace that will finish is given more time at its end. */
const TOTAL_SHARE = 0.8;
/** What no margin of a small number covers: a name, a scheduler, a busy minute. */
const PAD_MS = 2_000;
/**
 * After so many timeouts in a row the next download starts at double, so that a route that became much slower is found
 * again. Two downloads by default: one that failed in all attempts is more often an outage.
 */
const TIMEOUTS_PER_DOUBLING = 10;
const MAX_DOUBLINGS = 4;
/** Successes after a timeout until a calm is believed: it may have been a good transfer that was killed. */
const SETTLED_AFTER = 15;
/** Of the start of an unknown route: what a longer wait tries after timeouts. */
const LONGER_SHARE = 0.25;
/** Samples that the expected time is the middle of. */
const MIDDLE_OF = 32;

/** Why a deadline is what it is. */
export interface Evidence {
  readonly samples: number;
  readonly line: Line;
  readonly margin: number;
  readonly worst: Worst;
}

/** A deadline before bounds. */
export interface Deadline {
  readonly ms: number;
  /** What decided: nothing but the evidence, the start of an unknown route that fades, or a longer wait that is tried. */
  readonly rule: 'evidence' | 'start' | 'longer';
  /** Null where the route has no history. */
  readonly evidence: Evidence | null;
}

/** What a route without history gets. */
function coldMs(size: number, baseMs: number): number {
  return Math.max(baseMs, COLD_BASE_MS + COLD_MS_PER_BYTE * size);
}

/** The deadline of a phase for a size; never smaller for a larger one. */
export function deadlineOf(
  history: History,
  asked: { readonly phase: TimeoutPhase; readonly size: number; readonly nowMs: number; readonly baseMs: number },
): Deadline {
  const { phase, size } = asked;
  const cold = coldMs(size, asked.baseMs);
  const doublings = Math.min(MAX_DOUBLINGS, Math.floor(history.timeouts[phase] / TIMEOUTS_PER_DOUBLING));
  const measured = recentSamples(history, asked.nowMs).filter(({ ms }) => ms[phase] !== null);
  if (measured.length === 0) return { ms: cold * 2 ** doublings, rule: 'start', evidence: null };
  const worsts = worstOf(measured, phase, history.count);
  const settled = history.count - history.timedOutAt[phase] >= SETTLED_AFTER;
  const known = (settled ? worsts.slice(-1) : worsts).map((worst) => from(worst, phase, size));
  const longest = known.reduce((most, other) => (other.ms > most.ms ? other : most));
  const few = Math.min(...known.map(({ evidence }) => evidence.samples));
  const fading = cold * (1 / few - 1 / COLD_FADES_BY);
  const tried = phase === 'first_byte' && history.count < history.longerUntil ? cold * LONGER_SHARE : 0;
  const ms = Math.max(longest.ms, fading, tried);
  return { ms: ms * 2 ** doublings, rule: ruleOf(ms, longest.ms, fading), evidence: longest.evidence };
}

function ruleOf(ms: number, known: number, fading: number): Deadline['rule'] {
  if (ms === known) return 'evidence';
  return ms === fading ? 'start' : 'longer';
}

function from(worst: Worst, phase: TimeoutPhase, size: number): { readonly ms: number; readonly evidence: Evidence } {
  const { samples } = worst;
  const line = lineFor(worst, size);
  const margin = MARGIN + MARGIN_OF_FEW / samples.length;
  const largest = samples.reduce((most, sample) => Math.max(most, sample.size), 0);
  const beyond = Math.max(0, size - largest) * Math.max(0, COLD_MS_PER_BYTE - worst.line.msPerByte);
  const ms = PAD_MS + margin * (phase === 'total' ? TOTAL_SHARE : 1) * at(line, size) + beyond;
  return { ms, evidence: { samples: samples.length, line, margin, worst } };
}

/** What a transfer of this size will probably take: the middle of the last ones, each scaled along the worst line. */
export function expectedMs(total: Deadline, size: number): number | null {
  if (total.evidence === null) return null;
  const { line, samples } = total.evidence.worst;
  const scaled = samples
    .slice(-MIDDLE_OF)
    .map((sample) => ((sample.ms.total ?? 0) * Math.max(1, at(line, size))) / Math.max(1, at(line, sample.size)))
    .sort((a, b) => a - b);
  return Math.round(scaled[Math.floor(scaled.length / 2)] ?? 0);
}
