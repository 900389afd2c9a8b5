// Starts the next delivery of a kind of data when an entry of its queue (spool) is due, after a wait of at least a
// second.
//
// Guarantees: no timer runs while the spool has no waiting entry. A delivery that fails at once cannot loop without a
// pause. A step of the wall clock or a suspend delays a delivery by at most two minutes. The timer uses the monotonic
// clock, but its length comes from `waitMs`, which reads the wall clock.

import type { Clock, Timer } from '#system/clock.ts';
import type { Spool } from './spool.ts';

const SOONEST_MS = 1_000;
const LOOK_EVERY_MS = 120_000;

/** The delivery, and when it is due. */
export interface TimedDelivery {
  readonly spool: Pick<Spool<unknown>, 'waitMs' | 'onPlan'>;
  readonly clock: Clock;
  /** Never rejects. */
  run(): Promise<void>;
}

/** The timer of one kind. */
export class DeliveryTimer {
  readonly #timed: TimedDelivery;
  #timer: Timer | null = null;
  #running = false;
  #stopped = false;

  constructor(timed: TimedDelivery) {
    this.#timed = timed;
    timed.spool.onPlan(() => this.plan());
  }

  /** Computes again when the next delivery is due. */
  plan(): void {
    this.#timer?.cancel();
    const { spool, clock } = this.#timed;
    const waitMs = this.#stopped || this.#running ? null : spool.waitMs();
    if (waitMs === null) return;
    const isDue = waitMs <= LOOK_EVERY_MS;
    this.#timer = clock.after(Math.max(SOONEST_MS, Math.min(waitMs, LOOK_EVERY_MS)), () => {
      if (isDue) void this.#run();
      else this.plan();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      await this.#timed.run();
    } finally {
      this.#running = false;
      this.plan();
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }
}
