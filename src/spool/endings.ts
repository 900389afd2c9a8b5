// Ends the entries of a queue (spool). An entry is settled when it was sent. Otherwise, it can be rejected, split, or
// moved to the quarantine.
//
// Guarantees: the key of an entry is durable before the entry is removed. One durable write to the head file of the
// entry decides a rejection or a split. All later steps can be repeated, and are repeated after a crash. Operations
// must not overlap; the spool runs them one at a time. `folder.ts` has the single steps on disk.

import { asCoded, CodedError } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Ending } from './entry.ts';
import type { Heads } from './heads.ts';
import type { EntryProblem } from './quarantine.ts';
import type { QueuedEntry } from './queue.ts';
import type { SettledKeys } from './settled-keys.ts';

/** The dependencies. */
export interface EndingsOptions<Body> {
  readonly heads: Heads<Body>;
  readonly settled: SettledKeys;
  /** Numbers of entries whose heads keep a key for which `settled.log` had no space. */
  readonly unlisted: readonly number[];
  readonly report: Report;
}

/** The ends of the entries of one kind. */
export class Endings<Body> {
  readonly #heads: Heads<Body>;
  readonly #settled: SettledKeys;
  readonly #report: Report;
  #unlisted: readonly number[];

  constructor({ heads, settled, unlisted, report }: EndingsOptions<Body>) {
    this.#heads = heads;
    this.#settled = settled;
    this.#unlisted = unlisted;
    this.#report = report;
  }

  /** Whether an entry with this key waits or has ended. */
  isKnown(key: string): boolean {
    return this.#heads.queue.get(key) !== undefined || this.#settled.has(key);
  }

  /** One durable write decides; what follows can be repeated after a crash. */
  async end(waiting: QueuedEntry, ending: Ending): Promise<void> {
    const released = { ...waiting, head: { ...waiting.head, held: false } };
    await this.#heads.rewrite(released, ending);
    await this.carryOut(this.#heads.queue.end(released, ending.does));
  }

  /** Finishes a rejection or a split that is recorded in the head. */
  async carryOut(waiting: QueuedEntry): Promise<void> {
    try {
      await (waiting.ending === 'reject' ? this.#carryOutReject(waiting) : this.#carryOutSplit(waiting));
    } catch (thrown) {
      this.#heads.queue.defer(waiting, asCoded(thrown));
      throw thrown;
    }
  }

  /** The keys first, then the entries. If there is no space for a key, the renamed head file keeps it. */
  async settle(all: readonly QueuedEntry[]): Promise<void> {
    if (all.length === 0) return;
    const { folder, queue } = this.#heads;
    let isUnlisted = false;
    try {
      await this.#settled.add(all.map(({ head }) => head.key));
    } catch (thrown) {
      if (asCoded(thrown).code !== 'DISK-FULL') throw thrown;
      for (const { sequence, head } of all) {
        await folder.bury(sequence);
        this.#settled.remember([head.key]);
        this.#unlisted = [...this.#unlisted, sequence];
      }
      isUnlisted = true;
    }
    for (const waiting of all) queue.forget(waiting);
    await folder.remove(all);
    if (!isUnlisted) await this.#clearUnlisted();
    for (const waiting of all) await this.#left(waiting, 'ended');
  }

  /** Null in any case: the entry can not be sent now. */
  async setAside(waiting: QueuedEntry, problem: EntryProblem): Promise<null> {
    const { folder, queue, kind } = this.#heads;
    try {
      const error = await folder.setAside(waiting.sequence, problem);
      queue.forget(waiting);
      this.#report(kind.setAside(error));
      await this.#left(waiting, 'set-aside');
      return null;
    } catch (thrown) {
      return this.putOff(waiting, toCoded(thrown));
    }
  }

  /**
   * If the file is missing, another program removed it and there is nothing left to send. Any other error may pass.
   */
  putOff(waiting: QueuedEntry, error: CodedError): null {
    const { queue, kind } = this.#heads;
    this.#report(kind.setAside(error));
    if (error.facts['errno'] === 'ENOENT') queue.forget(waiting);
    else queue.defer(waiting, error);
    return null;
  }

  async #carryOutReject(waiting: QueuedEntry): Promise<void> {
    const { folder, queue } = this.#heads;
    await this.#heads.spend(() => this.#settled.add([waiting.head.key]));
    await this.#clearUnlisted();
    await folder.reject(waiting.sequence);
    queue.forget(waiting);
    await this.#left(waiting, 'ended');
  }

  async #carryOutSplit(waiting: QueuedEntry): Promise<void> {
    const { queue } = this.#heads;
    const { ending } = await this.#heads.record(waiting.sequence);
    for (const { key, body } of ending?.does === 'split' ? ending.parts : []) {
      if (this.isKnown(key)) continue;
      const head = this.#heads.create(key, waiting.head.acceptedAtMs);
      const sequence = queue.takeNumber();
      await this.#heads.spend(() => this.#heads.put(sequence, { head, body, ending: null }));
    }
    await this.settle([waiting]);
  }

  /** Content that can not be deleted now is deleted at the next start. */
  async #left({ head }: QueuedEntry, how: 'ended' | 'set-aside'): Promise<void> {
    await this.#heads.kind.content?.left(head.key, how).catch((thrown: unknown) => void toCoded(thrown));
    await this.#heads.restoreBallast();
  }

  async #clearUnlisted(): Promise<void> {
    if (this.#unlisted.length === 0) return;
    await this.#heads.folder.clearUnlisted(this.#unlisted);
    this.#unlisted = [];
  }
}

/** Any other error is a bug. */
function toCoded(thrown: unknown): CodedError {
  if (!(thrown instanceof CodedError)) throw thrown;
  return thrown;
}
