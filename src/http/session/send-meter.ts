// How far a request body has come, and how long a pause in it may last.
//
// A byte counts when the kernel at the other end has acknowledged it, where our kernel tells (TIOCOUTQ), else when our
// kernel has taken it. Beyond that point bytes are queued unseen, and a peer that reads slowly takes them in lumps: on
// loopback Linux opens a full receive window again only after some 64 to 95 KB were read. So a pause may last longer than
// the deadline by the time that the unseen bytes take at the rate so far. The rate is never overestimated: what may
// be queued unseen is left out of it. Guarantees: `end` leaves no timer behind.

import type { Clock, Timer } from '#system/clock.ts';

export interface SendMeterOptions {
  readonly clock: Clock;
  /** Bytes of the whole request, its head included; null as long as not all of them were handed over. */
  total(): number | null;
  /** Whether nothing in between can hold bytes: no proxy. */
  readonly isDirect: boolean;
  /** Bytes that our kernel has taken so far. */
  taken(): number;
  /** How many of them the other end has not acknowledged; null where that is unknown. */
  queued(): number | null;
  /** Called when more bytes got through, with their number so far. */
  onMoved(bytes: number): void;
}

/** How often the queue is read, in milliseconds. */
const TICK_MS = 50;
/** What the kernel of a peer that reads slowly may hold. 195 to 290 KB were seen, and with 262,144 here 8 of 40 uploads ended early. */
const PEER_BYTES = 1_048_576;
/** What may be queued where our kernel does not tell, or inside a proxy. */
const MAX_QUEUED_BYTES = 8_388_608;
/** Slower readers are not waited for beyond their deadline, in bytes per second. */
const SLOWEST_RATE = 16_384;

/** Measures one request body; it begins when it is made. */
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

  /** Bytes that got through. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a part of the request has not got through yet. */
  get isSending(): boolean {
    const total = this.#options.total();
    return total === null || this.#bytes < total;
  }

  /** How much longer than its deadline a wait may last, in milliseconds: for the next byte to be taken, or for the answer. */
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

  /** In bytes per second. */
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
    // The callback may have ended it.
    if (!this.#isOver && this.isSending) this.#arm();
  }
}
