// The work list of the hook (`updates.on_published`), with a state file for each update: the hook must run for it, is
// running, or has run.
//
// Guarantees: when `add` returns, the record is on disk. An id with the same digest is added only once, even if it is
// published again after a crash. A record that is `running` at a start was interrupted before its result was recorded.
// A change that cannot be written is kept in memory, and `flush` writes it. Relies on `state-file.ts`.

import { join } from 'node:path';
import { z } from 'zod';
import type { Report } from '#logging/events.ts';
import { removeDurably } from '#system/durable.ts';
import type { Files } from '#system/files.ts';
import { requireId } from '#system/id.ts';
import { ownFolder, requireOwnFolder } from '#system/own-folder.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { Turns } from '#system/turns.ts';
import { type FeedItem, idSchema } from '#updates/feed/feed-document.ts';
import { type Trust, trustSchema } from '#updates/sidecar.ts';

const FORMAT = 1;
const ENDING = '.json';
const FOLDER = { mode: 0o700, what: 'the records of the hook' };

const recordSchema = z.strictObject({
  id: idSchema,
  package: z.string(),
  sequence: z.int(),
  kind: z.string(),
  length: z.int(),
  sha256: z.string(),
  trust: trustSchema,
  requires: z.array(z.string()),
  /** In the order of publication. */
  order: z.int(),
  state: z.enum(['waiting', 'running', 'done', 'failed']),
  /** The number of runs that were started. */
  tries: z.int(),
  /** How the last failed run ended. */
  ending: z.string().nullable(),
});

/** The hook record of one update. */
export type HookRecord = z.infer<typeof recordSchema>;

/** All records. Changes are effective at once and durable when the promise resolves. */
export class HookJournal {
  readonly #files: Files;
  readonly #dir: string;
  readonly #records = new Map<string, HookRecord>();
  readonly #unsaved = new Set<string>();
  readonly #adds = new Turns();
  #onAdded: (() => void) | null = null;

  private constructor(files: Files, dir: string) {
    this.#files = files;
    this.#dir = dir;
  }

  /**
   * Loads every record; an unreadable one is set aside and reported.
   * @throws CodedError FOLDER-UNSAFE, STATE-UNREADABLE
   */
  static async open(files: Files, dir: string, report: Report): Promise<HookJournal> {
    const journal = new HookJournal(files, dir);
    await requireOwnFolder(files, dir, FOLDER);
    for (const name of await files.list(dir)) {
      if (!name.endsWith(ENDING)) continue;
      const loaded = await loadState(files, join(dir, name), {
        format: FORMAT,
        parse: (raw) => recordNamed(name, raw),
      });
      if (loaded.kind === 'loaded') journal.#records.set(loaded.value.id, loaded.value);
      if (loaded.kind === 'set-aside') report({ name: 'state-set-aside', error: loaded.error });
    }
    return journal;
  }

  list(): HookRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): HookRecord | null {
    return this.#records.get(id) ?? null;
  }

  /** Sets the listener that runs added records. */
  whenAdded(listener: () => void): void {
    this.#onAdded = listener;
  }

  /** Queues the hook for this update, unless it was added before. */
  async add(item: FeedItem, trust: Trust): Promise<void> {
    // One at a time, because each record gets the next place in the order of the runs.
    await this.#adds.run(async () => {
      if (this.#records.get(item.id)?.sha256 === item.sha256) return;
      await ownFolder(this.#files, this.#dir, FOLDER);
      await this.#write(this.compose(item, trust));
      this.#onAdded?.();
    });
  }

  /** A record before its first run. */
  compose(item: FeedItem, trust: Trust): HookRecord {
    const { id, package: name, sequence, kind, length, sha256, requires } = item;
    const order = Math.max(0, ...this.list().map((record) => record.order)) + 1;
    const about = { id, package: name, sequence, kind, length, sha256, trust, requires: [...requires] };
    return { ...about, order, state: 'waiting', tries: 0, ending: null };
  }

  /** Before a run: durable, or nothing has changed. */
  async begin(record: HookRecord): Promise<void> {
    await ownFolder(this.#files, this.#dir, FOLDER);
    await this.#write(record);
  }

  /** After a run: effective in any case. If it cannot be written, the error says so and `flush` writes it later. */
  async record(record: HookRecord): Promise<void> {
    this.#records.set(record.id, record);
    this.#unsaved.add(record.id);
    await this.flush();
  }

  /** Writes what could not be written earlier. */
  async flush(): Promise<void> {
    for (const id of [...this.#unsaved]) {
      const record = this.#records.get(id);
      if (record !== undefined) await this.#write(record);
      this.#unsaved.delete(id);
    }
  }

  /** For an update that is no longer published. */
  async forget(id: string): Promise<void> {
    if (!this.#records.delete(id)) return;
    this.#unsaved.delete(id);
    await removeDurably(this.#files, this.#pathOf(id));
  }

  async #write(record: HookRecord): Promise<void> {
    await saveState(this.#files, this.#pathOf(record.id), { format: FORMAT, value: record });
    this.#records.set(record.id, record);
    this.#unsaved.delete(record.id);
  }

  #pathOf(id: string): string {
    return join(this.#dir, requireId(id) + ENDING);
  }
}

/** A record is valid only under the file name that it would be written to. */
function recordNamed(name: string, raw: unknown): HookRecord {
  const record = recordSchema.parse(raw);
  if (record.id + ENDING !== name) throw new Error(`it is the record of update ID ${JSON.stringify(record.id)}`);
  return record;
}
