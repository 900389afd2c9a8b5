// What follows from the measured downloads: estimates for larger packages, and the response timeout to set.
//
// Pure. The timeout bounds silence, so silence decides. Never less than what was seen times the margin, and never less
// than the manual's own tip; within what the setting may hold.

import { at, type Line, lowestLineAbove, type Point } from '#timeout/line.ts';
import type { Measured } from './pairing.ts';

/** A measured download and its file. */
export interface MeasuredPackage extends Measured {
  /** Bytes; null when no file has its id. */
  readonly size: number | null;
}

/** What a package of a size may need. */
interface Estimate {
  readonly size: number;
  readonly elapsedMs: number;
  readonly silenceMs: number;
}

export interface Advice {
  /** What to set `response_timeout.base_ms` to. */
  readonly baseMs: number;
  /** The longest silence that was seen. */
  readonly observedMs: number;
  /** The longest that the largest package at hand may need; null when no size is known. */
  readonly largestMs: number | null;
  readonly margin: number;
  /** Whether the manual's tip is more than what the evidence asks for. */
  readonly tipDecides: boolean;
  readonly estimates: readonly Estimate[];
}

/** Twice what was seen: a log counts whole seconds, and the next package may be denser. */
const MARGIN = 2;
/** "In most cases, a timeout interval of 5 minutes (300,000 ms) is generally sufficient." */
const TIP_MS = 300_000;
/** What the setting may hold. */
const MIN_TIMEOUT_MS = 1_000;
const MAX_TIMEOUT_MS = 2_147_483_647;
const SECOND_MS = 1_000;
/** Packages so many times as large as the largest one that was measured. */
const TIMES_LARGER = [1, 2, 5, 10];

/** `largestHere` is the size of the largest .JAR at hand, measured or not. */
export function advise(measured: readonly MeasuredPackage[], largestHere: number): Advice {
  // What went on from an earlier attempt says nothing about its size.
  const whole = measured.filter(({ size, resumed }) => size !== null && !resumed);
  const silence = slowest(whole.map(({ size, silenceMs }) => ({ size: size ?? 0, ms: silenceMs })));
  const elapsed = slowest(whole.map(({ size, elapsedMs }) => ({ size: size ?? 0, ms: elapsedMs })));
  const observedMs = Math.max(0, ...measured.map(({ silenceMs }) => silenceMs));
  const largestObserved = Math.max(0, ...whole.map(({ size }) => size ?? 0));
  const largestMs = silence === null ? null : Math.ceil(at(silence, Math.max(largestHere, largestObserved)));
  const neededMs = toSeconds(MARGIN * Math.max(observedMs, largestMs ?? 0));
  const sizes = new Set(TIMES_LARGER.map((times) => times * largestObserved));
  if (largestHere > largestObserved) sizes.add(largestHere);
  return {
    baseMs: Math.min(Math.max(neededMs, TIP_MS, MIN_TIMEOUT_MS), MAX_TIMEOUT_MS),
    observedMs,
    largestMs,
    margin: MARGIN,
    tipDecides: neededMs < TIP_MS,
    estimates:
      silence === null || elapsed === null
        ? []
        : [...sizes]
            .sort((a, b) => a - b)
            .map((size) => ({
              size,
              elapsedMs: Math.ceil(at(elapsed, size)),
              silenceMs: Math.ceil(at(silence, size)),
            })),
  };
}

/** The line above everything that was seen, in whole seconds at least, which is all that a log knows. */
function slowest(candidates: readonly Point[]): Line | null {
  const points = candidates
    .filter(({ size }) => size > 0)
    .map(({ size, ms }) => ({ size, ms: Math.max(ms, SECOND_MS) }));
  const [one] = points;
  if (one === undefined) return null;
  const maxMs = Math.max(...points.map(({ ms }) => ms));
  // One size shows no pace: a package ten times as large may take ten times as long.
  if (points.every(({ size }) => size === one.size)) return { baseMs: 0, msPerByte: maxMs / one.size };
  return lowestLineAbove(
    points,
    points.map(({ size }) => size),
  );
}

/** A round number is easier to read, and never less. */
function toSeconds(ms: number): number {
  return Math.ceil(ms / SECOND_MS) * SECOND_MS;
}
