// Publishes verified packages, unless a hold or the hours forbid it. While some packages are being published, those
// that are verified meanwhile collect, and are published together next. Packages that are not synced yet wait for
// others that share their syncs, but not for long.
//
// Guarantees: no hold begins while packages are being published. The hold and the hours are checked right before.
// Relies on the order of writes in `publish.ts`, also for what a crash leaves.

import type { Timer } from '#system/clock.ts';
import { errorOf } from '#system/durable.ts';
import type { Closure } from '#updates/hold/hold.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { type Publishable, publish } from './publish.ts';

/** As many packages as one group has; a larger one saves little more. */
const GROUP = 16;
/** How long a package waits for its group to be complete, in milliseconds. */
const GATHERED_FOR_MS = 100;

interface Waiting {
  readonly one: Publishable;
  readonly done: (result: { readonly closed: Closure | null; readonly failure: Error | null }) => void;
}

/** One for each batch, or for a single package. */
export class Publisher {
  readonly #ports: UpdatesPorts;
  readonly #closure: () => Closure | null;
  #waiting: Waiting[] = [];
  #isRunning = false;
  #timer: Timer | null = null;

  /** `closure` returns why nothing may be published now, or null. */
  constructor(ports: UpdatesPorts, closure: () => Closure | null) {
    this.#ports = ports;
    this.#closure = closure;
  }

  /** Returns why the package was not published, or null. @throws CodedError FILE-*, DISK-FULL, SPOOL-* */
  async publish(one: Publishable): Promise<Closure | null> {
    const { closed, failure } = await new Promise<Parameters<Waiting['done']>[0]>((done) => {
      this.#waiting.push({ one, done });
      if (one.fetched.isSynced || this.#waiting.length >= GROUP) this.flush();
      else this.#timer ??= this.#ports.clock.after(GATHERED_FOR_MS, () => this.flush());
    });
    if (failure !== null) throw failure;
    return closed;
  }

  /** Publishes what waits, without waiting for more: no package is being downloaded. */
  flush(): void {
    this.#stopTimer();
    if (!this.#isRunning) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#waiting.length > 0) {
      const together = this.#waiting;
      this.#waiting = [];
      this.#stopTimer();
      await this.#publishAll(together);
    }
    this.#isRunning = false;
  }

  #stopTimer(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  async #publishAll(together: readonly Waiting[]): Promise<void> {
    const all = together.map(({ one }) => one);
    const { closed, failures } = await this.#ports.hold
      .publishing(async () => {
        const reason = this.#closure();
        return { closed: reason, failures: reason === null ? await publish(this.#ports, all) : [] };
      })
      .catch((thrown: unknown) => ({ closed: null, failures: all.map(() => errorOf(thrown)) }));
    for (const [at, { done }] of together.entries()) done({ closed, failure: failures[at] ?? null });
  }
}
