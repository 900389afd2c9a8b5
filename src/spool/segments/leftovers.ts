// The cleanup after refused submissions that is still to be done because the disk failed.
//
// Guarantees: no submission is committed before all of this cleanup is done. Therefore, a refused document is not sent
// after a later document was accepted. If the program crashes while the disk still fails, the next start finds the
// refused documents and sends them. Cleanup is repeated until it succeeds, so each step must tolerate that it was
// partly done before.

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
