// What the updater must not forget: feed serials, the digest of every id for ever, what was pruned or withdrawn.
//
// One state file, written durably after each step that changes it. What is published is told by the sidecars beside
// the packages, not from here, so losing this file costs the history and nothing that is installed. A newer format is
// set aside and named. A crash leaves the old file or the new one; each change is redone from the journal or the feed.

import { z } from 'zod';
import type { CodedError } from '#errors/coded-error.ts';
import type { Files } from '#system/files.ts';
import { validateId } from '#system/id.ts';
import { momentSchema } from '#system/moment.ts';
import { loadState, saveState } from '#system/state-file.ts';

const FORMAT = 1;
/** Ids are kept for ever within reason: this many are some 10 MB. */
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
  /** `seen`: in a feed; the others say what became of it here. */
  fate: z.enum(['seen', 'published', 'pruned', 'withdrawn']),
});
const memorySchema = z.strictObject({
  feeds: z.record(z.string(), feedSchema),
  ids: z.record(z.string(), idSchema),
  verified_at: momentSchema,
});

export type FeedMemory = z.infer<typeof feedSchema>;
export type IdMemory = z.infer<typeof idSchema>;

/** The updater's memory; changes are in force at once and durable after `save`. */
export class UpdatesMemory {
  readonly #files: Files;
  readonly #path: string;
  // Maps, not objects: an id may be called `constructor`.
  #feeds = new Map<string, FeedMemory>();
  #ids = new Map<string, IdMemory>();
  /** Ids of the fate `seen`, the oldest first: a search among 100,000 ids for each new one would stop the daemon. */
  #seen = new Set<string>();
  #verifiedAtMs = 0;
  #changed = false;

  constructor(files: Files, path: string) {
    this.#files = files;
    this.#path = path;
  }

  /** Loads the file; what can't be read is set aside and named. */
  async load(): Promise<CodedError | null> {
    const parse = (raw: unknown) => memorySchema.parse(raw);
    const loaded = await loadState(this.#files, this.#path, { format: FORMAT, parse });
    if (loaded.kind === 'loaded') {
      this.#feeds = new Map(Object.entries(loaded.value.feeds));
      // An entry under any other name cannot be ours, and nothing else is lost with it.
      this.#ids = new Map(Object.entries(loaded.value.ids).filter(([id]) => validateId(id) === null));
      this.#seen = new Set([...this.#ids].filter(([, { fate }]) => fate === 'seen').map(([id]) => id));
      this.#verifiedAtMs = loaded.value.verified_at;
    }
    return loaded.kind === 'set-aside' ? loaded.error : null;
  }

  /** What is known of a feed, by its configured URL. */
  feed(url: string): FeedMemory | null {
    return this.#feeds.get(url) ?? null;
  }

  /** Whatever serial a feed has next is taken; the digests of its ids stay. Returns the serial that was known. */
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

  /** What is known of an id; case does not count. */
  id(id: string): IdMemory | null {
    return this.#ids.get(id.toLowerCase()) ?? null;
  }

  setId(id: string, known: IdMemory): void {
    const key = id.toLowerCase();
    const before = this.#ids.get(key);
    if (before?.sha256 === known.sha256 && before.fate === known.fate) return;
    if (before === undefined && this.#ids.size >= MAX_IDS) this.#forgetOldestSeen();
    this.#ids.set(key, known);
    if (known.fate === 'seen') this.#seen.add(key);
    else this.#seen.delete(key);
    this.#changed = true;
  }

  /** What was only seen makes room for what is new; what became something here is never forgotten. */
  #forgetOldestSeen(): void {
    const [oldest] = this.#seen;
    if (oldest === undefined) return;
    this.#seen.delete(oldest);
    this.#ids.delete(oldest);
  }

  /** Changes what became of a known id. */
  setState(id: string, fate: IdMemory['fate']): void {
    const known = this.id(id);
    if (known !== null) this.setId(id, { ...known, fate });
  }

  /** Ids that were published here the last time anybody looked, in lower case. */
  publishedIds(): string[] {
    return [...this.#ids].filter(([, known]) => known.fate === 'published').map(([id]) => id);
  }

  /** Wall time of the last full check of every published package. */
  get verifiedAtMs(): number {
    return this.#verifiedAtMs;
  }

  setVerifiedAt(wallMs: number): void {
    this.#verifiedAtMs = wallMs;
    this.#changed = true;
  }

  /** Writes the file when anything changed since. */
  async save(): Promise<void> {
    if (!this.#changed) return;
    const value = {
      feeds: Object.fromEntries(this.#feeds),
      ids: Object.fromEntries(this.#ids),
      verified_at: this.#verifiedAtMs,
    };
    await saveState(this.#files, this.#path, { format: FORMAT, value });
    this.#changed = false;
  }
}
