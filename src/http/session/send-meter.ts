// Measures how much of a request body was sent, and how long a pause in it may last.
//
// A byte counts as sent when the peer's kernel has acknowledged it (TIOCOUTQ). If our kernel cannot report that, a byte
// counts as sent when our kernel has accepted it. A slow reader takes queued bytes in bursts: on loopback, Linux
// reopens a full receive window only after about 64 to 95 KB were read. Therefore, the limit for a pause is extended by
// the time that the queued bytes take at the current rate. Queued bytes do not count for this rate, because they would
// make it too high. `end` leaves no timer running.

import type { Clock, Timer } from '#system/clock.ts';

export interface SendMeterOptions {
  readonly clock: Clock;
  /** Bytes of the whole request including its head; null until all of them were handed over. */
  total(): number | null;
  /** Whether nothing in between can buffer bytes: no proxy. */
  readonly isDirect: boolean;
  /** Bytes that our kernel has accepted so far. */
  taken(): number;
  /** The number of those that the peer has not acknowledged; null if unknown. */
  queued(): number | null;
  /** Called when more bytes were sent, with their number so far. */
  onMoved(bytes: number): void;
}

/** How often the queue is read, in milliseconds. */
const TICK_MS = 50;
/**
 * Bytes that the kernel of a slow reader may buffer. 195 to 290 KB were measured; with 262,144 here 8 of 40 uploads
 * ended early.
 */
const PEER_BYTES = 1_048_576;
/** Bytes that may be queued where our kernel does not report it, or inside a proxy. */
const MAX_QUEUED_BYTES = 8_388_608;
/** A reader slower than this gets no more than its deadline, in bytes per second. */
const SLOWEST_RATE = 16_384;

/** Measures one request body, from its construction on. */
export class SendMeter {
  readonly #options: SendMeterOptions;
  readonly #startMs: number;
  #movedMs: number;
  #bytes = 0;
  #isVisible = false;
  #timer: Timer | null = null;
  #isOver = false;

  constructor(options: SendMeterOptions) {
    this.#options = options;
    this.#startMs = options.clock.monotonic();
    this.#movedMs = this.#startMs;
    this.#isVisible = options.queued() !== null;
    this.#arm();
  }

  /** Bytes that were sent. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether part of the request has not been sent yet. */
  get isSending(): boolean {
    const total = this.#options.total();
    return total === null || this.#bytes < total;
  }

  /**
   * How much longer than its deadline a wait may last, in milliseconds, for the next byte to be accepted or for the
   * response.
   */
  get allowanceMs(): number {
    const isAcknowledged = this.isSending && this.#isVisible;
    const unseen = isAcknowledged
      ? Math.min(PEER_BYTES, this.#bytes)
      : Math.min(MAX_QUEUED_BYTES, this.#options.taken());
    return (unseen / this.#rate()) * 1_000;
  }

  end(): void {
    this.#isOver = true;
    this.#timer?.cancel();
  }

  /** Rate in bytes per second. */
  #rate(): number {
    const unseen = this.#isVisible && this.#options.isDirect ? PEER_BYTES : MAX_QUEUED_BYTES;
    const seconds = Math.max(TICK_MS, this.#movedMs - this.#startMs) / 1_000;
    return Math.max(SLOWEST_RATE, (this.#bytes - unseen) / seconds);
  }

  #arm(): void {
    this.#timer = this.#options.clock.after(TICK_MS, () => this.#look());
  }

  #look(): void {
    if (this.#isOver) return;
    const queued = this.#options.queued();
    if (queued !== null) this.#isVisible = true;
    const bytes = Math.max(0, this.#options.taken() - (queued ?? 0));
    if (bytes > this.#bytes) {
      this.#bytes = bytes;
      this.#movedMs = this.#options.clock.monotonic();
      this.#options.onMoved(bytes);
    }
    // The callback may have ended the meter.
    if (!this.#isOver && this.isSending) this.#arm();
  }
}
