// Runs work one at a time, in the order of the calls. A failure goes to the caller whose work failed; later work runs
// anyway. Only the last promise is kept, so a process that ends drops the work that has not started.

/** One queue of work. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Starts the work when all earlier work has ended. Resolves or rejects as the work does. */
  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** Resolves when no work is left, including work that was added meanwhile. */
  async idle(): Promise<void> {
    let last: unknown = null;
    while (last !== this.#last) {
      last = this.#last;
      await last;
    }
  }
}
