// From what a route has shown to the deadline of one phase: the worst recent line, times a margin that narrows with
// evidence, never under what an unknown route gets as long as there is little of it.

import { at, type Line, lowestLineAbove } from './line.ts';
import { type History, recentSamples, type Sample } from './samples.ts';
import type { Phase } from './types.ts';

const MB = 1e6;
/** What is allowed where nothing is known: the manual's tip, and a scanner of 1 MB/s. */
const COLD_BASE_MS = 300_000;
const COLD_MS_PER_BYTE = 1_000 / MB;
/** The start of an unknown route fades with its first samples. */
const COLD_FADES_BY = 10;
/** A sample counts so much less for each one that came after it: the worst leaks away. */
const LEAK = 0.995;
const MARGIN = 1.5;
const MARGIN_OF_FEW = 6;
/** The whole transfer varies more than its parts; being wrong costs more, and only an endless trickle needs it. */
const TOTAL_MARGIN = 1.5;
/** What no margin of a small number covers: a name, a scheduler, a busy minute. */
const PAD_MS = 2_000;
/** After so many timeouts in a row the next download starts at double, so that a route that became slow is found again. */
const TIMEOUTS_PER_DOUBLING = 4;
const MOST_DOUBLINGS = 4;

/** Why a deadline is what it is. */
export interface Evidence {
  readonly samples: number;
  readonly line: Line;
  readonly margin: number;
}

/** A deadline before bounds. */
export interface Deadline {
  readonly ms: number;
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
  asked: { readonly phase: Phase; readonly size: number; readonly nowMs: number; readonly baseMs: number },
): Deadline {
  const { phase, size } = asked;
  const cold = coldMs(size, asked.baseMs);
  const doublings = Math.min(MOST_DOUBLINGS, Math.floor(history.timeouts[phase] / TIMEOUTS_PER_DOUBLING));
  const measured = recentSamples(history, asked.nowMs).filter(({ ms }) => ms[phase] !== null);
  if (measured.length === 0) return { ms: cold * 2 ** doublings, evidence: null };
  const line = worstLine(measured, phase, history.count);
  const few = measured.length;
  const margin = MARGIN + MARGIN_OF_FEW / few;
  const largest = measured.reduce((most, sample) => Math.max(most, sample.size), 0);
  const beyond = Math.max(0, size - largest) * Math.max(0, COLD_MS_PER_BYTE - line.msPerByte);
  const known = PAD_MS + margin * (phase === 'total' ? TOTAL_MARGIN : 1) * at(line, size) + beyond;
  const fading = cold * (1 / few - 1 / COLD_FADES_BY);
  return { ms: Math.max(known, fading) * 2 ** doublings, evidence: { samples: few, line, margin } };
}

function worstLine(measured: readonly Sample[], phase: Phase, count: number): Line {
  const points = measured.map(({ size, ms, seq }) => ({ size, ms: (ms[phase] ?? 0) * LEAK ** (count - 1 - seq) }));
  return lowestLineAbove(
    points,
    measured.map(({ size }) => size),
  );
}

/** What a transfer of this size will probably take: the middle of the last ones, each scaled along the worst line. */
export function expectedMs(history: History, size: number, nowMs: number): number | null {
  const measured = recentSamples(history, nowMs).filter(({ ms }) => ms.total !== null);
  if (measured.length === 0) return null;
  const line = worstLine(measured, 'total', history.count);
  const scaled = measured
    .slice(-32)
    .map((sample) => ((sample.ms.total ?? 0) * Math.max(1, at(line, size))) / Math.max(1, at(line, sample.size)))
    .sort((a, b) => a - b);
  return Math.round(scaled[Math.floor(scaled.length / 2)] ?? 0);
}
