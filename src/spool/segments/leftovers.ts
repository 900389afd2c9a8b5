// What refused submissions left on disk and could not be removed yet.
//
// Guarantees: a submission is committed only after all of it is gone, so that no document is sent that was refused before
// a later one was accepted. Only a crash while the disk still fails leaves it to the next start, which then sends it.
// Work is repeated until it succeeds, so it must tolerate that part of it was done before.

import { asCoded } from '#errors/coded-error.ts';
import { Turns } from '#system/turns.ts';

/** Cleanup that may be repeated. @throws CodedError */
export type Cleanup = () => Promise<void>;

/** The cleanup that is still to be done. */
export class Leftovers {
  readonly #turns = new Turns();
  #open: readonly Cleanup[] = [];

  get areLeft(): boolean {
    return this.#open.length > 0;
  }

  /** Cleans up now, or keeps the work for `clear`. Never throws coded errors. */
  async clean(work: Cleanup): Promise<void> {
    this.#open = [...this.#open, work];
    await this.clear().catch(asCoded);
  }

  /** Called before a commit. @throws CodedError: something is left, so nothing can be accepted */
  async clear(): Promise<void> {
    if (!this.areLeft) return;
    await this.#turns.run(async () => {
      for (const work of this.#open) {
        await work();
        this.#open = this.#open.filter((one) => one !== work);
      }
    });
  }
}
