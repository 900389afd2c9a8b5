// Allows one request at a time for each upload. A waiting request makes the current one end early, as tus recommends.
//
// A sender that lost its connection may return while the server still waits on the old connection. The old request
// then ends and keeps the bytes that it received. The locker of the library is not used, because it spins the event
// loop while it waits.

import type { Lock, Locker } from '@tus/server';
import { type Clock, wait } from '#system/clock.ts';

interface Held {
  readonly release: () => void;
  readonly waiting: (() => void)[];
}

/** RFC 4918, 11.3; what tus servers answer. The form is that of an error of the library. */
const LOCKED = { status_code: 423, body: 'Another request uses this upload.\n' };

export class UploadLocks implements Locker {
  readonly #held = new Map<string, Held>();
  readonly #clock: Clock;
  readonly #waitMs: number;

  /** `waitMs`: how long a request waits for the holder. */
  constructor(clock: Clock, waitMs: number) {
    this.#clock = clock;
    this.#waitMs = waitMs;
  }

  newLock(id: string): Lock {
    return {
      lock: (signal, requestRelease) => this.#take(id, signal, () => void requestRelease()),
      unlock: () => {
        this.#give(id);
        return Promise.resolve();
      },
    };
  }

  /** Runs work that nothing interrupts. Rejects with an error that has `status_code` 423 when the upload stays in use. */
  async run<T>(id: string, work: () => Promise<T>): Promise<T> {
    await this.#take(id, new AbortController().signal, () => undefined);
    try {
      return await work();
    } finally {
      this.#give(id);
    }
  }

  has(id: string): boolean {
    return this.#held.has(id);
  }

  async #take(id: string, signal: AbortSignal, release: () => void): Promise<void> {
    const held = this.#held.get(id);
    if (held === undefined) {
      this.#held.set(id, { release, waiting: [] });
      return;
    }
    held.release();
    const mine = new AbortController();
    const onTurn = () => mine.abort();
    held.waiting.push(onTurn);
    await wait(this.#clock, this.#waitMs, AbortSignal.any([signal, mine.signal])).catch(() => undefined);
    if (mine.signal.aborted) {
      // `#give` has passed the lock on. If another request waits, this one also ends early.
      this.#held.set(id, { release, waiting: held.waiting });
      if (held.waiting.length > 0) release();
      return;
    }
    held.waiting.splice(held.waiting.indexOf(onTurn), 1);
    // The library turns objects of this form into responses.
    throw Object.assign(new Error(LOCKED.body), LOCKED);
  }

  #give(id: string): void {
    const held = this.#held.get(id);
    const next = held?.waiting.shift();
    if (held === undefined || next === undefined) this.#held.delete(id);
    else next();
  }
}
