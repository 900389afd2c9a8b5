// A small state file with the data of one part of Sallyport. It is loaded once, and then saved whenever a caller has
// changed the data. Saves run one at a time, and each writes the state as it is when its turn comes. `state-file.ts`
// has the guarantees and the effects of a crash.

import type { Files } from './files.ts';
import { type LoadedState, loadState, type StateReader, saveState } from './state-file.ts';
import { Turns } from './turns.ts';

/** One file and the queue of its saves. */
export class SavedState<T extends object> {
  readonly #files: Files;
  readonly #path: string;
  readonly #reader: StateReader<T>;
  readonly #turns = new Turns();

  constructor(files: Files, path: string, reader: StateReader<T>) {
    this.#files = files;
    this.#path = path;
    this.#reader = reader;
  }

  /** @throws CodedError STATE-UNREADABLE, TOO-MANY-FILES, OUT-OF-MEMORY */
  load(): Promise<LoadedState<T>> {
    return loadState(this.#files, this.#path, this.#reader);
  }

  /** Durable on return. @throws CodedError DISK-FULL, FILE-* */
  save(value: () => T): Promise<void> {
    return this.#turns.run(() => saveState(this.#files, this.#path, { format: this.#reader.format, value: value() }));
  }

  /** Resolves when no save is left. */
  idle(): Promise<void> {
    return this.#turns.idle();
  }
}
