// Estimates the waits for larger packages, and recommends a response timeout, from the measured downloads. Pure.
//
// The timeout limits silence, so the recommendation is based on the longest measured silence, times the margin. It is
// at least 5 minutes, as the manual of the product that wrote the log suggests, and stays within the range of the
// setting.

import { at, type Line, lowestLineAbove, type Point } from '#timeout/line.ts';
import type { Measured } from './pairing.ts';

/** A measured download and its file. */
export interface MeasuredPackage extends Measured {
  /** In bytes; null if no file matches its id. */
  readonly size: number | null;
}

/** The estimated times for a package of this size. */
interface Estimate {
  readonly size: number;
  readonly elapsedMs: number;
  readonly silenceMs: number;
}

export interface Advice {
  /** The recommended `response_timeout.base_ms`. */
  readonly baseMs: number;
  /** The longest silence in the log. */
  readonly observedMs: number;
  /** The estimated longest silence for the largest package in the folder; null if no size is known. */
  readonly largestMs: number | null;
  readonly margin: number;
  /** Whether the value of the manual is larger than the one measured, and so decides. */
  readonly tipDecides: boolean;
  readonly estimates: readonly Estimate[];
}

/** Twice the measured time: a log has whole seconds only, and scanning the next package may take longer. */
const MARGIN = 2;
/** The manual: "In most cases, a timeout interval of 5 minutes (300,000 ms) is generally sufficient." */
const TIP_MS = 300_000;
/** The range of the setting. */
const MIN_TIMEOUT_MS = 1_000;
const MAX_TIMEOUT_MS = 2_147_483_647;
const SECOND_MS = 1_000;
/** Estimates are made for these multiples of the largest measured size. */
const TIMES_LARGER = [1, 2, 5, 10];

/** `largestHere` is the size in bytes of the largest .JAR in the folder, measured or not. */
export function advise(measured: readonly MeasuredPackage[], largestHere: number): Advice {
  // The time of a resumed download does not correspond to the size of its file.
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

/** The lowest line above all points. Each counts as at least one second, the resolution of a log. */
function slowest(candidates: readonly Point[]): Line | null {
  const points = candidates
    .filter(({ size }) => size > 0)
    .map(({ size, ms }) => ({ size, ms: Math.max(ms, SECOND_MS) }));
  const [one] = points;
  if (one === undefined) return null;
  const maxMs = Math.max(...points.map(({ ms }) => ms));
  // A single size gives no slope, so a package ten times as large is assumed to take ten times as long.
  if (points.every(({ size }) => size === one.size)) return { baseMs: 0, msPerByte: maxMs / one.size };
  return lowestLineAbove(
    points,
    points.map(({ size }) => size),
  );
}

/** Rounds up to whole seconds, which are easier to read. */
function toSeconds(ms: number): number {
  return Math.ceil(ms / SECOND_MS) * SECOND_MS;
}
