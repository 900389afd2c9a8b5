// The fourth step: the rename of the verified JAR commits the publication. Then the sidecar, the receipt, the history
// and the entry for the hook are written. After a crash, these steps are repeated from the journal, which is therefore
// removed last. Repeating a step is harmless.
//
// Several packages take each step together, so that they share its syncs. One that fails takes no further step, and the
// others are not affected.

import { failureOf } from '#system/durable.ts';
import { utcTime } from '#system/moment.ts';
import type { Fetched } from '#transfer/fetch-types.ts';
import { closeJournals, syncStaged } from '#transfer/journal.ts';
import { enqueueHook } from '#updates/hook/hook.ts';
import type { UpdatesPorts } from '#updates/ports.ts';
import { acceptReceipt } from '#updates/receipts/acknowledge.ts';
import type { JournalNote } from './journal-note.ts';

/** A package to finish. */
export interface Publication {
  readonly note: JournalNote;
  readonly url: string;
  readonly via: string | null;
  readonly elapsedMs: number;
}

/** A package to publish. */
export interface Publishable extends Publication {
  readonly fetched: Pick<Fetched, 'path' | 'file' | 'isSynced'>;
}

/**
 * Gives downloaded and verified files their final names, and completes their publication. Another file that has replaced
 * one is never published. Returns the failure of each package, or null.
 */
export async function publish(ports: UpdatesPorts, packages: readonly Publishable[]): Promise<(Error | null)[]> {
  const { files, store } = ports;
  const steps = new Steps(packages);
  await steps.each((all) => {
    const unsynced = all.filter(({ fetched }) => !fetched.isSynced);
    return syncStaged(files, store.stagingDir, unsynced.map(idOf)).then((failures) =>
      all.map(({ fetched }) => (fetched.isSynced ? null : (failures.shift() ?? null))),
    );
  });
  await steps.each((all) => store.publish(all.map((one) => ({ id: idOf(one), ...one.fetched }))));
  for (const one of steps.left) ports.report({ name: 'published', id: idOf(one), path: store.jarPath(idOf(one)) });
  await finish(ports, steps);
  return steps.failures;
}

/** Completes a publication that a crash interrupted after the rename. @throws CodedError FILE-*, DISK-FULL, SPOOL-* */
export async function finishPublication(ports: UpdatesPorts, publication: Publication): Promise<void> {
  const steps = new Steps([publication]);
  await finish(ports, steps);
  for (const failure of steps.failures) if (failure !== null) throw failure;
}

/** Everything after the rename, in the order that makes each crash harmless. */
async function finish(ports: UpdatesPorts, steps: Steps<Publication>): Promise<void> {
  const { store, memory, files } = ports;
  const published_at = utcTime(ports.clock.now());
  await steps.each((all) =>
    store.describe(
      all.map(({ note: { item, trust, feed, feed_target }, url, via }) => {
        return { item, trust, feed, feed_target, url, via, published_at };
      }),
    ),
  );
  await steps.together(async () => {
    for (const { note } of steps.left) memory.setId(note.item.id, { sha256: note.item.sha256, fate: 'published' });
    await memory.save();
  });
  const receive = ({ note: { item }, elapsedMs }: Publication) =>
    acceptReceipt(ports, { item, outcome: 'published', elapsedMs });
  await steps.each((all) => Promise.all(all.map((one) => failureOf(() => receive(one)))));
  await steps.each((all) => Promise.all(all.map(({ note }) => failureOf(() => enqueueHook(ports, note)))));
  await steps.each((all) => closeJournals(files, store.stagingDir, all.map(idOf)));
}

function idOf({ note }: Publication): string {
  return note.item.id;
}

/** Packages that take the same steps. One that failed takes no further step. */
class Steps<T> {
  readonly #all: readonly T[];
  readonly #failures = new Map<T, Error>();

  constructor(all: readonly T[]) {
    this.#all = all;
  }

  /** Those that have not failed. */
  get left(): readonly T[] {
    return this.#all.filter((one) => !this.#failures.has(one));
  }

  get failures(): (Error | null)[] {
    return this.#all.map((one) => this.#failures.get(one) ?? null);
  }

  /** A step that returns the failure of each one, or null. */
  async each(step: (all: readonly T[]) => Promise<readonly (Error | null)[]>): Promise<void> {
    const all = this.left;
    if (all.length === 0) return;
    for (const [at, failure] of (await step(all)).entries()) {
      const one = all[at];
      if (failure !== null && one !== undefined) this.#failures.set(one, failure);
    }
  }

  /** A step that fails for all or for none. */
  async together(step: () => Promise<void>): Promise<void> {
    await this.each(async (all) => {
      const failure = await failureOf(step);
      return all.map(() => failure);
    });
  }
}
