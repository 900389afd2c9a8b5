// The permanent state of updates: feed serials, the first digest of every id, and which ids were withdrawn, or deleted
// as old versions (pruned).
//
// There is one state file, which is written durably after each step that changes it. What is published is recorded in
// the sidecars next to the packages. If this file is lost, only the history is lost, and no package. A file of a newer
// format is set aside and reported. A crash leaves the old file or the new one; a lost change is repeated from the
// journal or the feed.

import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { validateId } from '#system/id.ts';
import { momentSchema } from '#system/moment-schema.ts';
import { loadState, saveState } from '#system/state-file.ts';
import { SharedTurns } from '#system/turns.ts';

const FORMAT = 1;
/** The limit on remembered ids; this many take about 10 MB. */
const MAX_IDS = 100_000;

const feedSchema = z.strictObject({
  serial: z.int(),
  /** Digest of the document with that serial. */
  sha256: z.string(),
  /** Wall time of the last complete, accepted feed. */
  accepted_at: momentSchema,
  /** Wall time of the last request with Cache-Control: no-cache. */
  revalidated_at: momentSchema,
});
const idSchema = z.strictObject({
  sha256: z.string(),
  /** `seen`: listed in a feed; the others say what happened to it on this host. */
  fate: z.enum(['seen', 'published', 'pruned', 'withdrawn']),
  /** The feed that listed it, if there are several. */
  feed: z.string().optional(),
});
const memorySchema = z.strictObject({
  feeds: z.record(z.string(), feedSchema),
  ids: z.record(z.string(), idSchema),
  verified_at: momentSchema,
});

export type FeedMemory = z.infer<typeof feedSchema>;
export type IdMemory = z.infer<typeof idSchema>;

/** The updater's memory; changes are effective at once and durable after `save`. */
export class UpdatesMemory {
  readonly #files: Files;
  readonly #path: string;
  // Maps, not objects: an id may be called `constructor`.
  #feeds = new Map<string, FeedMemory>();
  #ids = new Map<string, IdMemory>();
  /** Ids in the state `seen`, the oldest first: searching 100,000 ids for each new one would block the daemon. */
  #seen = new Set<string>();
  #verifiedAtMs = 0;
  #changed = false;
  readonly #saves = new SharedTurns();

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Loads the file; an unreadable one is set aside, and the returned error names it. */
  async load(): Promise<CodedError | null> {
    const parse = (raw: unknown) => memorySchema.parse(raw);
    const loaded = await loadState(this.#files, this.#path, { format: FORMAT, parse });
    if (loaded.kind === 'loaded') {
      this.#feeds = new Map(Object.entries(loaded.value.feeds));
      // An entry with any other name cannot be ours; dropping it loses nothing else.
      this.#ids = new Map(Object.entries(loaded.value.ids).filter(([id]) => validateId(id) === null));
      this.#seen = new Set([...this.#ids].filter(([, { fate }]) => fate === 'seen').map(([id]) => id));
      this.#verifiedAtMs = loaded.value.verified_at;
    }
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  /** The record of a feed, by its configured URL. */
  feed(url: string): FeedMemory | null {
    return this.#feeds.get(url) ?? null;
  }

  /** Accepts any next serial of the feed; the digests of its ids stay. Returns the serial that was stored. */
  forgetSerial(url: string): number | null {
    const known = this.#feeds.get(url);
    if (known === undefined) return null;
    this.#feeds.delete(url);
    this.#changed = true;
    return known.serial;
  }

  setFeed(url: string, feed: FeedMemory): void {
    this.#feeds.set(url, feed);
    this.#changed = true;
  }

  /** The record of an id; upper and lower case are the same. */
  id(id: string): IdMemory | null {
    return this.#ids.get(id.toLowerCase()) ?? null;
  }

  setId(id: string, known: IdMemory): void {
    const key = id.toLowerCase();
    const before = this.#ids.get(key);
    if (before?.sha256 === known.sha256 && before.fate === known.fate && before.feed === known.feed) return;
    if (before === undefined && this.#ids.size >= MAX_IDS) this.#forgetOldestSeen();
    this.#ids.set(key, known);
    if (known.fate === 'seen') this.#seen.add(key);
    else this.#seen.delete(key);
    this.#changed = true;
  }

  /**
   * Only ids that were merely listed are removed for new ones, never those that were published, pruned or withdrawn.
   */
  #forgetOldestSeen(): void {
    const [oldest] = this.#seen;
    if (oldest === undefined) return;
    this.#seen.delete(oldest);
    this.#ids.delete(oldest);
  }

  /** Changes the state of a known id. */
  setState(id: string, fate: IdMemory['fate']): void {
    const known = this.id(id);
    if (known !== null) this.setId(id, { ...known, fate });
  }

  /** Ids that were published here at the last check, in lower case. */
  publishedIds(): string[] {
    return [...this.#ids].filter(([, known]) => known.fate === 'published').map(([id]) => id);
  }

  /** Wall time of the last full verification of every published package. */
  get verifiedAtMs(): number {
    return this.#verifiedAtMs;
  }

  setVerifiedAt(wallMs: number): void {
    this.#verifiedAtMs = wallMs;
    this.#changed = true;
  }

  /** Writes the file if anything changed since the last write. Calls during a write share the next one. */
  save(): Promise<void> {
    return this.#saves.run(() => this.#write());
  }

  async #write(): Promise<void> {
    if (!this.#changed) return;
    this.#changed = false;
    const value = {
      feeds: Object.fromEntries(this.#feeds),
      ids: Object.fromEntries(this.#ids),
      verified_at: this.#verifiedAtMs,
    };
    try {
      await saveState(this.#files, this.#path, { format: FORMAT, value });
    } catch (thrown) {
      this.#changed = true;
      throw thrown;
    }
  }
}
