// Decides whether a failed attempt to download a package counts, and when other packages are downloaded first.
//
// An attempt that received bytes does not count. Even if a path cuts every connection after 20 MB, enough attempts
// complete a package. After a quarter of an hour of such attempts, the other packages are downloaded first. Pure,
// except for the clock.

import type { CodedError } from '#errors/coded-error.ts';
import type { AttemptCost } from '#http/retry.ts';
import type { Clock } from '#system/clock.ts';

const TURN_MS = 900_000;
/** Dead proxies in a row that cost no attempt. Each took half a minute, so other packages get their turn after some. */
const MAX_GONE = 5;

/** The state that a failed attempt left for the next one. */
interface FailedAttempt {
  readonly madeProgress: boolean;
  readonly nextRequestsWhole: boolean;
}

const NOTHING: FailedAttempt = { madeProgress: false, nextRequestsWhole: false };

export class PackageTurn {
  readonly #clock: Clock;
  readonly #startMs: number;
  #last: FailedAttempt = NOTHING;
  #madeProgress = false;
  #yielded = false;
  #startsOver = false;
  #gone = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonic();
  }

  get elapsedMs(): number {
    return this.#clock.monotonic() - this.#startMs;
  }

  /** An attempt of this turn received bytes that are kept. */
  get madeProgress(): boolean {
    return this.#madeProgress;
  }

  /** It ended to let others go first, not because of a failure. */
  get yielded(): boolean {
    return this.#yielded;
  }

  /** The rest could not be fetched, and the next attempt requests the whole file. */
  get startsOver(): boolean {
    return this.#startsOver;
  }

  /** The transfer of an attempt failed. */
  attemptFailed(last: FailedAttempt): void {
    this.#last = last;
  }

  /** The cost of the failed attempt. A dead proxy costs none, because the package has nothing to do with it. */
  costOf({ code }: Pick<CodedError, 'code'>): AttemptCost {
    const { madeProgress, nextRequestsWhole } = this.#last;
    this.#last = NOTHING;
    this.#madeProgress ||= madeProgress;
    this.#startsOver = nextRequestsWhole;
    if (nextRequestsWhole) return 'none';
    this.#gone = code === 'PROXY-GONE' && !madeProgress ? this.#gone + 1 : 0;
    if (this.#gone > MAX_GONE) return 'over';
    if (this.#gone > 0) return 'none';
    if (!madeProgress) return 'one';
    this.#yielded = this.elapsedMs >= TURN_MS;
    return this.#yielded ? 'over' : 'reset';
  }
}
