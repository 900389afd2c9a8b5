// The deadlines of one response, and what it showed of the path's timing, on the monotonic clock.
//
// Guarantees: one timer at a time, not armed anew for each chunk: a chunk only notes its moment, and the timer looks
// when it fires. A loop of ours that was busy does not pass for a silent proxy: on expiry the sockets are read once
// more before the verdict. `end` leaves no timer behind.

import type { Clock, Timer } from '#system/clock.ts';
import type { Deadlines } from './deadlines.ts';
import type { ResponseTiming } from './response-info.ts';

export type TimedOut = NonNullable<ResponseTiming['timedOut']>;

export interface ResponseWatchOptions {
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  /** How much longer than its limit the wait for the first byte may last now, in milliseconds; 0 without it. */
  allowanceMs?(): number;
  /** Called at most once, never after `end`. */
  onTimeout(which: TimedOut): void;
}

/** Watches one response; it begins when it is made. */
export class ResponseWatch {
  readonly #options: ResponseWatchOptions;
  readonly #startMs: number;
  #totalMs: number;
  #bytes = 0;
  #sentMs: number;
  #firstMs: number | null = null;
  #lastMs: number;
  #longestMs = 0;
  #endMs: number | null = null;
  #timedOut: TimedOut | null = null;
  #timer: Timer | null = null;
  #lookAgain: NodeJS.Immediate | null = null;

  constructor(options: ResponseWatchOptions) {
    this.#options = options;
    this.#startMs = options.clock.monotonic();
    this.#totalMs = options.deadlines.totalMs;
    this.#sentMs = this.#startMs;
    this.#lastMs = this.#startMs;
    this.#arm(this.#startMs);
  }

  /** The last byte of the request is out: the wait for the first byte begins here. */
  requestSent(): void {
    if (this.#firstMs === null) this.#sentMs = this.#options.clock.monotonic();
  }

  /** More of the request got through, which is no silence; the allowance may be another one now. */
  requestMoved(): void {
    if (this.#firstMs !== null || this.#endMs !== null) return;
    this.#sentMs = this.#options.clock.monotonic();
    this.#arm(this.#sentMs);
  }

  /** So many bytes of the body arrived. */
  bodyBytes(count: number): void {
    this.#bytes += count;
    const now = this.#options.clock.monotonic();
    const first = this.#firstMs === null;
    this.#note(now);
    // From here on silences count, and their limit may be nearer than that of the first byte.
    if (first) this.#arm(now);
  }

  /** Stops watching; `whole` when the response is complete, which is the first byte of one that has no body. */
  end(whole: boolean): void {
    if (this.#endMs !== null) return;
    this.#timer?.cancel();
    if (this.#lookAgain !== null) clearImmediate(this.#lookAgain);
    this.#endMs = this.#options.clock.monotonic();
    if (whole || this.#firstMs !== null) this.#note(this.#endMs);
  }

  get measured(): ResponseTiming {
    const first = this.#firstMs;
    return {
      firstByteMs: first === null ? null : Math.max(0, first - this.#sentMs),
      longestSilenceMs: first === null ? null : this.#longestMs,
      totalMs: (this.#endMs ?? this.#options.clock.monotonic()) - this.#startMs,
      timedOut: this.#timedOut,
    };
  }

  #note(now: number): void {
    if (this.#firstMs === null) this.#firstMs = now;
    else if (now - this.#lastMs > this.#longestMs) this.#longestMs = now - this.#lastMs;
    this.#lastMs = now;
  }

  #arm(now: number): void {
    this.#timer?.cancel();
    const { phase, total } = this.#dueMs();
    const expired = () => {
      this.#lookAgain = setImmediate(() => this.#look());
    };
    this.#timer = this.#options.clock.after(Math.min(phase, total) - now, expired, 'a response');
  }

  #look(): void {
    this.#lookAgain = null;
    const now = this.#options.clock.monotonic();
    if (now < this.#dueMs().phase) this.#askForMore(now);
    const { phase, total } = this.#dueMs();
    if (now < Math.min(phase, total)) {
      this.#arm(now);
      return;
    }
    const which: TimedOut = this.#firstMs === null ? 'first_byte' : 'silence';
    // Who is silent for too long, or has not said a word, is silent and not slow, whatever else is over.
    this.#timedOut = now >= phase || this.#firstMs === null ? which : 'total';
    this.#options.onTimeout(this.#timedOut);
  }

  /** Only the whole transfer can be given more time; a silence is over when it is over. */
  #askForMore(now: number): void {
    const elapsed = now - this.#startMs;
    if (elapsed < this.#totalMs) return;
    this.#totalMs = Math.max(this.#totalMs, this.#options.deadlines.extend?.(elapsed, this.#bytes) ?? 0);
  }

  #dueMs(): { phase: number; total: number } {
    const { firstByteMs, silenceMs } = this.#options.deadlines;
    const toFirstMs = firstByteMs + (this.#options.allowanceMs?.() ?? 0);
    const phase = this.#firstMs === null ? this.#sentMs + toFirstMs : this.#lastMs + silenceMs;
    return { phase, total: this.#startMs + this.#totalMs };
  }
}
