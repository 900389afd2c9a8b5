// What the response timeout is asked and what it answers. Data only.

/** A route as the model knows it: scheme://host:port of the proxy really used, without user; `direct` when none. */
export interface RouteKey {
  readonly proxy: string;
  readonly origin: string;
}

/** The phases of a response that have a deadline of their own. */
export type TimeoutPhase = 'first_byte' | 'silence' | 'total';

/** Deadlines for one attempt, in milliseconds, and the words that explain them. */
export interface TimeoutPlan {
  /** Bytes of the package; 0 when unknown. */
  readonly size: number;
  /** For the first byte of the body. */
  readonly firstByteMs: number;
  /** For each wait without a byte after it. */
  readonly silenceMs: number;
  /** For the whole attempt; at its end `extend` is asked. */
  readonly totalMs: number;
  /** What it will probably take, or null when nothing is known. */
  readonly expectedMs: number | null;
  /** Such as `worst of 6 recent was 0.5 s + 0.51 s/MB, margin x2.5`. */
  readonly explanation: string;
}

/** The section `response_timeout`, as far as it bounds a response. */
export interface TimeoutSettings {
  readonly mode: 'fixed' | 'adaptive';
  readonly baseMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly totalMaxMs: number;
}

/** What one attempt showed. Times in milliseconds on the monotonic clock; `atMs` is wall time. */
export interface AttemptOutcome {
  readonly size: number;
  /** Whole, and its digest is the promised one. */
  readonly ok: boolean;
  /** The phase whose deadline ended the attempt. */
  readonly timedOut: TimeoutPhase | null;
  readonly firstByteMs: number | null;
  /** After the first byte. */
  readonly longestSilenceMs: number | null;
  readonly totalMs: number;
  readonly atMs: number;
}
