// Runs tasks one at a time. `Turns` runs each task, in the order of the calls. If a task fails, only its caller gets
// the failure, and later tasks still run. `SharedTurns` runs a task once for all calls that wait for it. When the
// process ends, tasks that have not started are dropped.

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

/**
 * Repetitions of one task that covers everything done before it begins, such as a sync. Calls during a run share the
 * next one.
 */
export class SharedTurns {
  #running: Promise<void> | null = null;
  #next: Promise<void> | null = null;

  get isIdle(): boolean {
    return this.#running === null && this.#next === null;
  }

  /** Resolves or rejects as a run does that begins after this call. */
  run(work: () => Promise<void>): Promise<void> {
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#begin(work);
    this.#next = this.#running
      .catch(() => undefined)
      .then(() => {
        this.#next = null;
        return this.#begin(work);
      });
    return this.#next;
  }

  #begin(work: () => Promise<void>): Promise<void> {
    const running = work().finally(() => {
      this.#running = null;
    });
    this.#running = running;
    return running;
  }
}
