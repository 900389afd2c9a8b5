// Notices the end of a hold on updates, and publishes the packages that are ready.
//
// The wall clock is read at least every two minutes, so a clock step or a suspend delays this by at most two minutes.
// The end is recorded before the check for updates that publishes them. After a crash between the two, the next
// scheduled check publishes them.

import type { Agent } from '#daemon/agent.ts';
import type { Parts } from '#daemon/parts.ts';
import { asCoded } from '#errors/coded-error.ts';
import type { Clock, Timer } from '#system/clock.ts';

const LOOK_EVERY_MS = 120_000;

type HoldEndParts = Pick<Parts, 'ports' | 'report'> & { readonly clock: Clock };

/** Watches the hold of a daemon. */
export class HoldEnd {
  readonly #parts: HoldEndParts;
  readonly #agent: Pick<Agent, 'publishHeld'>;
  #timer: Timer | null = null;
  #isStopped = false;

  constructor(parts: HoldEndParts, agent: Pick<Agent, 'publishHeld'>) {
    this.#parts = parts;
    this.#agent = agent;
  }

  start(): void {
    void this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  async #look(): Promise<void> {
    const { clock, ports, report } = this.#parts;
    try {
      const ended = await ports.hold.takeEnded(clock.now());
      if (ended !== null) {
        report({ name: 'hold-ended', at: ended.until, by: ended.by, reason: ended.reason });
        void this.#agent.publishHeld().catch(() => undefined);
      }
    } catch (thrown) {
      // It has ended anyway, and recording it is tried again.
      const error = asCoded(thrown);
      if (error.code !== 'DISK-FULL') report({ name: 'fault', error });
    }
    if (this.#isStopped) return;
    const until = ports.hold.current(clock.now())?.until;
    const wait = until === undefined ? LOOK_EVERY_MS : Math.min(LOOK_EVERY_MS, until - clock.now());
    this.#timer = clock.after(Math.max(1_000, wait), () => void this.#look());
  }
}
