// Limits the rate at which several bodies are read together (`token-bucket.ts` has the rule).
//
// Guarantees: all bodies share one limit. The limit is read again at least once a second, also during a pause, so that
// new settings and hours apply to running transfers. While reading is paused, the kernel and the proxy hold the bytes
// back. Relies on the reader of each body to stop its timers meanwhile. Writes nothing to disk.

import type { LimitedReading, Throttle } from '#http/exchange.ts';
import { type Clock, type Timer, wait } from '#system/clock.ts';
import { emptyBucket, pauseOf, type TokenBucket, withTaken } from './token-bucket.ts';

/** How long a limit is used before it is read again. */
const LIMIT_VALID_MS = 1_000;

/** Bytes per second at this wall time; null without a limit. */
export type RateLimit = (nowMs: number) => number | null;

export class SharedThrottle implements Throttle {
  readonly #clock: Clock;
  readonly #limitAt: RateLimit;
  #bucket: TokenBucket;
  #rate: number | null = null;
  /** Monotonic time at which the limit is read again. */
  #validUntilMs = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock, limitAt: RateLimit) {
    this.#clock = clock;
    this.#limitAt = limitAt;
    this.#bucket = emptyBucket(clock.monotonic());
  }

  async ready(signal: AbortSignal): Promise<void> {
    // A body that came as one chunk has ended before it could be paused, so the next one pays for it.
    const { taken } = this.#bucket;
    for (let ms = this.#pauseFor(taken); ms > 0; ms = this.#pauseFor(taken)) {
      await wait(this.#clock, Math.min(ms, LIMIT_VALID_MS), signal);
    }
  }

  limit(reading: { pause(): void; resume(): void }): LimitedReading {
    let pause: Timer | null = null;
    let upTo = 0;
    const waitFor = (ms: number) => {
      pause = this.#clock.after(Math.min(ms, LIMIT_VALID_MS), () => {
        const restMs = this.#pauseFor(upTo);
        if (restMs > 0) {
          waitFor(restMs);
          return;
        }
        pause = null;
        reading.resume();
      });
    };
    return {
      took: (bytes) => {
        upTo = this.#take(bytes);
        const ms = pause === null ? this.#pauseFor(upTo) : 0;
        if (ms === 0) return;
        reading.pause();
        waitFor(ms);
      },
      end: () => {
        if (pause === null) return;
        pause.cancel();
        pause = null;
        reading.resume();
      },
    };
  }

  /** Counts received bytes. Returns how many there are by now. */
  #take(bytes: number): number {
    const nowMs = this.#clock.monotonic();
    if (nowMs >= this.#validUntilMs) this.#readLimit(nowMs);
    if (this.#rate === null) return this.#bucket.taken;
    this.#bucket = withTaken(this.#bucket, { bytesPerSecond: this.#rate, nowMs, bytes });
    return this.#bucket.taken;
  }

  /** How long a reader must pause after the first `upTo` bytes, in milliseconds. */
  #pauseFor(upTo: number): number {
    this.#take(0);
    return this.#rate === null ? 0 : pauseOf(this.#bucket, this.#rate, upTo);
  }

  #readLimit(mono: number): void {
    this.#validUntilMs = mono + LIMIT_VALID_MS;
    const rate = this.#limitAt(this.#clock.now());
    // What was owed under a higher limit could take hours to pay off under a lower one.
    if (rate !== this.#rate) this.#bucket = { ...emptyBucket(mono), taken: this.#bucket.taken };
    this.#rate = rate;
  }
}
