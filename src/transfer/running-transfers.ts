// The downloads that are running: the disk space that each still needs, and how many of them share the network.
//
// Guarantees: when a download ends, its space is no longer counted. In memory only.

/** One download that runs. */
export interface RunningTransfer {
  /** Bytes that it still has to write. */
  needed: number;
  /** The largest number of downloads, including this one, that ran at a time since it began. */
  atOnce: number;
}

export class RunningTransfers {
  readonly #running = new Set<RunningTransfer>();

  begin(): RunningTransfer {
    const begun = { needed: 0, atOnce: 0 };
    this.#running.add(begun);
    for (const one of this.#running) one.atOnce = Math.max(one.atOnce, this.#running.size);
    return begun;
  }

  end(ended: RunningTransfer): void {
    this.#running.delete(ended);
  }

  /** Bytes that all others still have to write. */
  neededByOthers(than: RunningTransfer): number {
    let sum = 0;
    for (const one of this.#running) if (one !== than) sum += one.needed;
    return sum;
  }
}
