// Learns from status 413 how large a batch can be on a path. After a 413 the limit is half the refused size; it grows
// again after successes. Pure.

/** A smaller limit would be an error of the path rather than its limit. */
const MIN_BYTES = 65_536;
/** Batches of at least half the limit that must pass before twice as much is tried. */
const PASSES_BEFORE_LARGER = 8;

export class BatchSizes {
  #limit = Number.POSITIVE_INFINITY;
  #passes = 0;

  /** Infinite until a request was too large. */
  get limitBytes(): number {
    return this.#limit;
  }

  /** A request with this number of uncompressed bytes was too large. */
  tooLarge(bytes: number): void {
    this.#limit = Math.max(MIN_BYTES, Math.min(this.#limit, Math.floor(bytes / 2)));
    this.#passes = 0;
  }

  passed(bytes: number): void {
    if (this.#limit === Number.POSITIVE_INFINITY || bytes < this.#limit / 2) return;
    this.#passes += 1;
    if (this.#passes < PASSES_BEFORE_LARGER) return;
    this.#passes = 0;
    this.#limit *= 2;
  }

  forget(): void {
    this.#limit = Number.POSITIVE_INFINITY;
    this.#passes = 0;
  }
}
