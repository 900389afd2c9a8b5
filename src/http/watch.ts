// Applies the deadlines of one response and measures its timing, on the monotonic clock.
//
// Guarantees: there is one timer at a time. It is not restarted for each chunk: a chunk only records its time, which is
// checked when the timer fires. A busy event loop is not mistaken for a silent proxy, because the sockets are read once
// more when a deadline expires. While reading is paused, no time passes for any limit or measurement. `end` leaves no
// timer running.

import type { Clock, Timer } from '#system/clock.ts';
import type { Deadlines } from './deadlines.ts';
import type { ResponseTiming } from './response-info.ts';

export type TimedOut = NonNullable<ResponseTiming['timedOut']>;

export interface ResponseWatchOptions {
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  /** Whether part of the request has not been sent yet; false if absent. */
  isSending?(): boolean;
  /** How much longer than its limit the wait for the first byte may last, in milliseconds; 0 if absent. */
  allowanceMs?(): number;
  /** Called at most once, never after `end`. */
  onTimeout(which: TimedOut): void;
}

/** Watches one response, from its construction on. */
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
  /** Time of the pauses that have ended, and the monotonic start of the present one. */
  #pausedMs = 0;
  #pausedAtMs: number | null = null;
  #timedOut: TimedOut | null = null;
  #timer: Timer | null = null;
  #lookAgain: NodeJS.Immediate | null = null;
  #hasAsked = false;
  #factor = 1;

  constructor(options: ResponseWatchOptions) {
    this.#options = options;
    this.#startMs = options.clock.monotonic();
    this.#totalMs = options.deadlines.totalMs;
    this.#sentMs = this.#startMs;
    this.#lastMs = this.#startMs;
    this.#arm(this.#startMs);
  }

  /** The last byte of the request has been sent: the wait for the first byte begins here. */
  requestSent(): void {
    if (this.#firstMs === null) this.#sentMs = this.#now();
  }

  /** More of the request was sent, which ends a silence. The allowance may have changed. */
  requestMoved(): void {
    if (this.#firstMs !== null || this.#endMs !== null) return;
    this.#sentMs = this.#now();
    this.#arm(this.#sentMs);
  }

  /** Records body bytes that arrived. */
  bodyBytes(count: number): void {
    this.#bytes += count;
    const now = this.#now();
    const first = this.#firstMs === null;
    this.#note(now);
    // From here on the silence limit applies, which may be shorter than that of the first byte.
    if (first) this.#arm(now);
  }

  /** Reading pauses: the other side cannot be blamed for what does not arrive. */
  paused(): void {
    if (this.#pausedAtMs !== null || this.#endMs !== null) return;
    this.#pausedAtMs = this.#options.clock.monotonic();
    this.#disarm();
  }

  /** Reading continues. */
  resumed(): void {
    if (this.#pausedAtMs === null || this.#endMs !== null) return;
    this.#pausedMs += this.#options.clock.monotonic() - this.#pausedAtMs;
    this.#pausedAtMs = null;
    this.#arm(this.#now());
  }

  /** Stops watching. `whole` means that the response is complete, which counts as the first byte if it has no body. */
  end(whole: boolean): void {
    if (this.#endMs !== null) return;
    this.#disarm();
    this.#endMs = this.#now();
    if (this.#pausedAtMs !== null) this.#pausedMs += this.#options.clock.monotonic() - this.#pausedAtMs;
    this.#pausedAtMs = null;
    if (whole || this.#firstMs !== null) this.#note(this.#endMs);
  }

  /** How many times longer than planned the limits are: 1 before `askForMore`. */
  get factor(): number {
    return this.#factor;
  }

  get measured(): ResponseTiming {
    const first = this.#firstMs;
    return {
      firstByteMs: first === null ? null : Math.max(0, first - this.#sentMs),
      longestSilenceMs: first === null ? null : this.#longestMs,
      totalMs: (this.#endMs ?? this.#now()) - this.#startMs,
      pausedMs: this.#pausedMs + (this.#pausedAtMs === null ? 0 : this.#options.clock.monotonic() - this.#pausedAtMs),
      timedOut: this.#timedOut,
    };
  }

  /** Monotonic time without the pauses. */
  #now(): number {
    return (this.#pausedAtMs ?? this.#options.clock.monotonic()) - this.#pausedMs;
  }

  #disarm(): void {
    this.#timer?.cancel();
    if (this.#lookAgain !== null) clearImmediate(this.#lookAgain);
    this.#lookAgain = null;
  }

  #note(now: number): void {
    if (this.#firstMs === null) this.#firstMs = now;
    else if (now - this.#lastMs > this.#longestMs) this.#longestMs = now - this.#lastMs;
    this.#lastMs = now;
  }

  #arm(now: number): void {
    if (this.#pausedAtMs !== null) return;
    this.#timer?.cancel();
    const { phase, total } = this.#dueMs();
    const expired = () => {
      this.#lookAgain = setImmediate(() => this.#look());
    };
    this.#timer = this.#options.clock.after(Math.min(phase, total) - now, expired, 'a response');
  }

  #look(): void {
    this.#lookAgain = null;
    const now = this.#now();
    if (now < this.#dueMs().phase) this.#askForMore(now);
    const { phase, total } = this.#dueMs();
    if (now < Math.min(phase, total)) {
      this.#arm(now);
      return;
    }
    const which: TimedOut = this.#firstMs === null ? 'first_byte' : 'silence';
    // If both limits have expired, report silence rather than slowness.
    const isWait = now >= phase || (this.#firstMs === null && !this.#isSending);
    const expired = isWait ? which : 'total';
    if (this.#isAsking(expired)) return;
    this.#timedOut = expired;
    this.#options.onTimeout(expired);
  }

  /** Asks once whether to wait longer. The answer, or a byte meanwhile, leads back to `#look`. */
  #isAsking(expired: TimedOut): boolean {
    if (this.#hasAsked) return false;
    this.#hasAsked = true;
    const asked = this.#options.deadlines.askForMore?.(expired) ?? null;
    if (asked === null) return false;
    void asked.then(({ times, longer }) => {
      this.#allow(longer?.times ?? times);
      void longer?.while.then(() => this.#allow(times));
    });
    return true;
  }

  #allow(times: number): void {
    if (this.#endMs !== null) return;
    this.#factor = times;
    // While reading is paused no limit applies.
    if (this.#pausedAtMs === null) this.#look();
  }

  /** Only the total deadline can be extended by the pace; a silence limit is final. */
  #askForMore(now: number): void {
    const elapsed = now - this.#startMs;
    if (elapsed < this.#totalMs) return;
    this.#totalMs = Math.max(this.#totalMs, this.#options.deadlines.extend?.(elapsed, this.#bytes) ?? 0);
  }

  get #isSending(): boolean {
    return this.#options.isSending?.() ?? false;
  }

  #dueMs(): { phase: number; total: number } {
    const { firstByteMs, silenceMs, sending } = this.#options.deadlines;
    const waitMs = this.#isSending ? (sending?.ms ?? firstByteMs) : firstByteMs;
    const toFirstMs = waitMs + (this.#options.allowanceMs?.() ?? 0);
    const phase =
      this.#firstMs === null ? this.#sentMs + this.#factor * toFirstMs : this.#lastMs + this.#factor * silenceMs;
    return { phase, total: this.#startMs + this.#factor * this.#totalMs };
  }
}
