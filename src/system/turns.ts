// Runs tasks one at a time, in the order of the calls. If a task fails, only its caller gets the failure, and later
// tasks still run. When the process ends, tasks that have not started are dropped.

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
