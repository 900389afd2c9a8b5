// The turn of one package in a round: what each failed attempt costs, and when the package gives way to others.
//
// A path that cuts every 20 MB brings a package in if nobody gives up, so an attempt that moved the transfer costs
// nothing. After a quarter of an hour of those the other packages go first. Pure, but for the clock.

import type { Cost } from '#http/retry.ts';
import type { Clock } from '#system/clock.ts';

const TURN_MS = 900_000;

/** What a failed attempt left for the next one. */
interface Left {
  readonly moved: boolean;
  readonly asksWhole: boolean;
}

const NOTHING: Left = { moved: false, asksWhole: false };

export class PackageTurn {
  readonly #clock: Clock;
  readonly #startMs: number;
  #last: Left = NOTHING;
  #hasMoved = false;
  #yielded = false;
  #startsOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonic();
  }

  get elapsedMs(): number {
    return this.#clock.monotonic() - this.#startMs;
  }

  /** Some attempt of this turn brought bytes that are kept. */
  get hasMoved(): boolean {
    return this.#hasMoved;
  }

  /** It ended for the sake of the others, not because of a failure. */
  get yielded(): boolean {
    return this.#yielded;
  }

  /** The rest could not be had, and the next attempt asks for everything. */
  get startsOver(): boolean {
    return this.#startsOver;
  }

  /** The transfer of an attempt failed. */
  left(last: Left): void {
    this.#last = last;
  }

  /** What the failed attempt costs. */
  costOf(): Cost {
    const { moved, asksWhole } = this.#last;
    this.#last = NOTHING;
    this.#hasMoved ||= moved;
    this.#startsOver = asksWhole;
    if (asksWhole) return 'none';
    if (!moved) return 'one';
    this.#yielded = this.elapsedMs >= TURN_MS;
    return this.#yielded ? 'over' : 'reset';
  }
}
