// How long to wait for a response, decided from data alone: no clock, no files, no chance (law 2).
//
// `fixed` is the only mode so far: `base_ms` bounds the wait for the first body byte and each later silence, always
// and unclamped, and never the whole transfer. The interface is the seam that an adaptive mode fills; callers ask for
// a plan before an attempt and hand its outcome back after.

/** A route as the model knows it: scheme://host:port of the proxy really used, without user; `direct` when none. */
export interface RouteKey {
  readonly proxy: string;
  readonly origin: string;
}

/** The phases of a response that have a deadline of their own. */
type Phase = 'first_byte' | 'silence' | 'total';

/** Deadlines for one attempt, in milliseconds, and the sentence that explains them. */
export interface TimeoutPlan {
  /** Bytes of the package; 0 when unknown. */
  readonly size: number;
  readonly firstByteMs: number;
  readonly silenceMs: number;
  readonly totalMs: number;
  /** What it will probably take, or null when nothing is known. */
  readonly expectedMs: number | null;
  readonly explanation: string;
}

export interface TimeoutSettings {
  readonly mode: 'fixed';
  readonly baseMs: number;
}

/** What one attempt showed. Times in milliseconds on the monotonic clock; `atMs` is wall time. */
export interface Outcome {
  readonly size: number;
  readonly ok: boolean;
  readonly timedOut: Phase | null;
  readonly firstByteMs: number | null;
  readonly longestSilenceMs: number | null;
  readonly totalMs: number;
  readonly atMs: number;
}

/** The manual's maximum, and the longest timer: no limit in practice (24.8 days). */
const NO_LIMIT_MS = 2_147_483_647;

/** Plans the deadlines of each attempt; in `fixed` it has nothing to learn. */
export class ResponseTimeoutModel {
  readonly #settings: () => TimeoutSettings;

  /** The settings are asked for at each plan, so that a changed one holds from the next attempt on. */
  constructor(settings: () => TimeoutSettings) {
    this.#settings = settings;
  }

  /** The plan for a package of `size` bytes (0: unknown). */
  plan(_route: RouteKey, size: number): TimeoutPlan {
    const { baseMs } = this.#settings();
    return {
      size,
      firstByteMs: baseMs,
      silenceMs: baseMs,
      totalMs: NO_LIMIT_MS,
      expectedMs: null,
      explanation: `waiting up to ${baseMs} ms for the first byte and for each silence after it (response_timeout.base_ms)`,
    };
  }
}
