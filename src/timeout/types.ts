// Inputs and outputs of the response timeout model. Data only.

/** A route as the model knows it. `proxy` is scheme://host:port of the proxy really used, without user, or `direct`. */
export interface RouteKey {
  readonly proxy: string;
  readonly origin: string;
}

/** A route to plan for. `isOpaque`: nothing between here and the server can read the response, so nothing scans it. */
export interface PlannedRoute extends RouteKey {
  readonly isOpaque?: boolean;
}

/** The phases of a response that have their own deadlines. */
export type TimeoutPhase = 'first_byte' | 'silence' | 'total';

/** Deadlines for one attempt, in milliseconds, and the words that explain them. */
export interface TimeoutPlan {
  /** Bytes of the package; 0 when unknown. */
  readonly size: number;
  /** For the first byte of the body. */
  readonly firstByteMs: number;
  /** For each wait without a byte after the first one. */
  readonly silenceMs: number;
  /** For the whole attempt. When it expires, `extend` is called. */
  readonly totalMs: number;
  /** Probable duration, or null when nothing is known. */
  readonly expectedMs: number | null;
  /** For example `2 s plus 2.5 times the longest of 6 recent waits (0.5 s + 0.51 s per MB)`. */
  readonly explanation: string;
}

/** The part of `response_timeout` that bounds a response. */
export interface TimeoutSettings {
  readonly mode: 'fixed' | 'adaptive';
  readonly baseMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  readonly totalMaxMs: number;
}

/** The outcome of one attempt. Times are in milliseconds on the monotonic clock; `atMs` is wall time. */
export interface AttemptOutcome {
  readonly size: number;
  /** The download is complete and its digest is the promised one. */
  readonly ok: boolean;
  /** The phase whose deadline ended the attempt. */
  readonly timedOut: TimeoutPhase | null;
  readonly firstByteMs: number | null;
  /** After the first byte. */
  readonly longestSilenceMs: number | null;
  /** Null if our own bandwidth limit decided it. */
  readonly totalMs: number | null;
  readonly atMs: number;
}
