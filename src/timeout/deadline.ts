// Computes the deadline of one phase of a download from the samples of a route. It is the line of the longest recent
// waits, times a margin that becomes smaller with more samples. While a route has few samples, the deadline has a
// minimum, which is a part of the deadline for an unknown route.

import { at, type Line } from './line.ts';
import { type History, recentSamples } from './samples.ts';
import type { TimeoutPhase } from './types.ts';
import { lineFor, type Worst, worstOf } from './worst.ts';

const MB = 1e6;
/** Allowance for an unknown route: the value that the manual recommends, and a scanner that reads 1 MB/s. */
const COLD_BASE_MS = 300_000;
const COLD_MS_PER_BYTE = 1_000 / MB;
/**
 * Allowance for the first byte and for a silence where nothing between here and the server can read the response, so
 * nothing scans it. Less gains little and interrupts more transfers (docs/response-timeout-benchmark.md).
 */
const OPAQUE_MS = 120_000;
/** Number of samples over which the allowance for an unknown route fades out. */
const COLD_FADES_BY = 10;
const MARGIN = 1.5;
const MARGIN_OF_FEW = 5;
/**
 * Share of the allowance that the total deadline gets. It can be lower, because `extend` gives more time to a transfer
 * that will finish.
 */
const TOTAL_SHARE = 0.8;
/** Covers delays that a margin on a small number does not: a DNS lookup, the scheduler, a busy minute. */
export const PAD_MS = 2_000;
/**
 * After this many consecutive timeouts the next download starts with double the deadline, to find a route that has
 * become much slower. The default covers two downloads: if only one failed in all its attempts, an outage is more
 * likely.
 */
const TIMEOUTS_PER_DOUBLING = 10;
const MAX_DOUBLINGS = 4;
/** Successes needed after a timeout before a calm is trusted: the timeout may have interrupted a good transfer. */
const SETTLED_AFTER = 15;
/** Share of the allowance for an unknown route that a longer wait gets after timeouts. */
const LONGER_SHARE = 0.25;
/** Number of recent samples whose median is the expected time. */
const MIDDLE_OF = 32;

/** The samples and figures that a deadline rests on. */
export interface Evidence {
  readonly samples: number;
  readonly line: Line;
  readonly margin: number;
  readonly worst: Worst;
}

/** A deadline before it is clamped to the configured bounds. */
export interface Deadline {
  readonly ms: number;
  /**
   * What decided the deadline: the evidence alone, the fading allowance for an unknown route, or a trial of a longer
   * wait.
   */
  readonly rule: 'evidence' | 'start' | 'longer';
  /** Null where the route has no history. */
  readonly evidence: Evidence | null;
}

/** The deadline for a route without history. */
function coldMs({ phase, size, baseMs, isOpaque = false }: Planned): number {
  const isWait = phase !== 'total';
  return Math.max(baseMs, isOpaque && isWait ? OPAQUE_MS : COLD_BASE_MS + COLD_MS_PER_BYTE * size);
}

/** What a deadline is for. */
interface Planned {
  readonly phase: TimeoutPhase;
  readonly size: number;
  readonly nowMs: number;
  readonly baseMs: number;
  /** Nothing between here and the server can read the response. */
  readonly isOpaque?: boolean | undefined;
}

/** The deadline of a phase for a size. A larger size never gets a shorter deadline. */
export function deadlineOf(history: History, planned: Planned): Deadline {
  const { phase, size } = planned;
  const cold = coldMs(planned);
  const doublings = Math.min(MAX_DOUBLINGS, Math.floor(history.timeouts[phase] / TIMEOUTS_PER_DOUBLING));
  const measured = recentSamples(history, planned.nowMs).filter(({ ms }) => ms[phase] !== null);
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

/** Probable duration of a transfer of this size: the median of recent ones, each scaled along the worst line. */
export function expectedMs(total: Deadline, size: number): number | null {
  if (total.evidence === null) return null;
  const { line, samples } = total.evidence.worst;
  const scaled = samples
    .slice(-MIDDLE_OF)
    .map((sample) => ((sample.ms.total ?? 0) * Math.max(1, at(line, size))) / Math.max(1, at(line, sample.size)))
    .sort((a, b) => a - b);
  return Math.round(scaled[Math.floor(scaled.length / 2)] ?? 0);
}
