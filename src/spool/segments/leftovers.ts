// If a submission of documents is refused, its lines must be removed from the disk. If the disk fails at that moment,
// this file repeats the removal until it succeeds.
//
// Guarantees: no submission is committed before this cleanup is done, so a refused document is never sent after a
// document that was accepted later. If the program crashes while the disk still fails, the next start finds the refused
// documents and sends them. Each step must tolerate that an earlier try did part of it.

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
