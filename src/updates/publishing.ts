// The packages of a round that are downloaded and being published. Meanwhile the next ones are downloaded, so that the
// syncs of several packages share the work of the disk.
//
// Guarantees: what a package requires has ended before `settled` returns. When `all` returns, nothing runs any more.

/** Most packages that are published at the same time: each has open files. */
const MAX_PUBLISHING = 32;

/** Runs that have their bytes. */
export class Publishing {
  readonly #runs = new Map<string, Promise<void>>();

  /** Waits until this run has its bytes, and until not too many runs are left. Rejects as one of the runs does. */
  async add(id: string, run: Promise<void>, downloaded: Promise<void>): Promise<void> {
    const ended = run.finally(() => this.#runs.delete(id));
    this.#runs.set(id, ended);
    await Promise.race([ended, downloaded]);
    if (this.#runs.size > MAX_PUBLISHING) await Promise.race(this.#runs.values());
  }

  /** Waits until the runs of these packages have ended. */
  async settled(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#runs.get(id)));
  }

  /** Waits until every run has ended. Rejects as the first of them does. */
  async all(): Promise<void> {
    const results = await Promise.allSettled(this.#runs.values());
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }
}
