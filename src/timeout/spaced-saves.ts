// Saves what was learned about response timeouts during many transfers in a row, such as many packages or the chunks of
// an upload: at most every SPACING_MS, and at the end.
//
// Guarantees: after a timeout, the state is saved at once, so that the next attempt waits longer even after a crash. A
// crash loses only what was learned from successful transfers since the last save.

import type { Clock } from '#system/clock.ts';
import type { TimeoutMemory } from './memory.ts';

/** Each save is an fsync, and a transfer may take only milliseconds. */
const SPACING_MS = 10_000;

/** The part of `TimeoutMemory` that a transfer uses. */
export type TimeoutStore = Pick<TimeoutMemory, 'attempt' | 'setAttempt' | 'route' | 'setRoute' | 'save'>;
type Args<K extends 'attempt' | 'setAttempt' | 'route' | 'setRoute'> = Parameters<TimeoutStore[K]>;

export class SpacedSaves implements TimeoutStore {
  readonly #store: TimeoutStore;
  readonly #clock: Clock;
  #savedMs: number;
  #isUrgent = false;
  #pending: { readonly learned: unknown } | null = null;

  constructor(store: TimeoutStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#savedMs = clock.monotonic();
  }

  attempt(...[id]: Args<'attempt'>): ReturnType<TimeoutStore['attempt']> {
    return this.#store.attempt(id);
  }

  setAttempt(...[id, note]: Args<'setAttempt'>): void {
    const before = this.#store.attempt(id);
    if (note === null && before === null) return;
    this.#isUrgent = true;
    this.#store.setAttempt(id, note);
  }

  route(...[route]: Args<'route'>): ReturnType<TimeoutStore['route']> {
    return this.#store.route(route);
  }

  setRoute(...[note]: Args<'setRoute'>): void {
    this.#store.setRoute(note);
  }

  async save(learned: unknown): Promise<void> {
    this.#pending = { learned };
    if (this.#isUrgent || this.#clock.monotonic() - this.#savedMs >= SPACING_MS) await this.flush();
  }

  /** Saves what is not saved yet; durable on return. @throws CodedError DISK-FULL, FILE-* */
  async flush(): Promise<void> {
    const pending = this.#pending;
    if (pending === null) return;
    this.#pending = null;
    this.#isUrgent = false;
    this.#savedMs = this.#clock.monotonic();
    try {
      await this.#store.save(pending.learned);
    } catch (thrown) {
      this.#pending = pending;
      throw thrown;
    }
  }
}
