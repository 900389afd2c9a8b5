// Watches the configuration file and every file it names, and says when they are to be read anew.
//
// Guarantees: whoever saves, and however, is noticed: by an event of the file system at once, and by a digest of all
// contents that is compared every 10 s, because a swap of symbolic links (`..data`) gives no event. Files are read once
// they were still for 250 ms; one that has just gone missing or empty is waited for, since editors delete and recreate.
// Relies on its reader to ask `isUnchanged` between reading and believing. A crash leaves nothing.

import type { FSWatcher } from 'chokidar';
import type { Clock, Timer } from '#system/clock.ts';
import { type Fingerprint, Fingerprints } from './fingerprint.ts';

/** How long nothing may change before the files are read; no editor pauses so long between two writes of one save. */
const STILL_MS = 250;
/** How often the digest of all contents is compared. */
const COMPARE_EVERY_MS = 10_000;
/** How often a file that does not exist is looked for: watching one makes every event in its folder expensive. */
const MISSING_POLL_MS = 1_000;
/** How long a file that has just gone is waited for before that is called a mistake. */
const MIN_GONE_MS = 5_000;
/** When somebody should hear that the files are never still. */
const RESTLESS_MS = 30_000;

/** Why the files are read. */
export type ReadCause = 'changed' | 'asked';

/** What a reader is given. */
interface Reading {
  readonly cause: ReadCause;
  /** Whether everything that was read is as it was when reading began. What follows are the files to look at. */
  isUnchanged(): Promise<boolean>;
}

export interface WatchOptions {
  readonly clock: Clock;
  /** Reads the files; resolves with those to follow from now on, or null to be called again. Never rejects. */
  read(reading: Reading): Promise<readonly string[] | null>;
  /** Events do not come, so a change is noticed some seconds later. Told once until events come again. */
  onDeaf(reason: string): void;
  /** The files have been changing without a pause for so many ms. */
  onRestless(ms: number): void;
}

/** A running watch. */
export class ConfigWatch {
  readonly #options: WatchOptions;
  readonly #prints: Fingerprints;
  #files: readonly string[];
  /** What was last read; null before the first time. */
  #examined: Fingerprint | null = null;
  #watcher: { readonly events: FSWatcher; readonly of: string } | null = null;
  #isDeaf = false;
  #timer: Timer | null = null;
  #triggered = false;
  #requested = false;
  /** Asked for and read, but what was read had moved meanwhile: the answer is still owed. */
  #owed = false;
  /** Ends a wait for stillness. */
  #hurry: (() => void) | null = null;
  #work: Promise<void> | null = null;
  #stopped = false;

  /** Follows these files once it is started. */
  constructor(files: readonly string[], options: WatchOptions) {
    this.#files = files;
    this.#options = options;
    this.#prints = new Fingerprints(options.clock);
  }

  /** Begins, and reads once: something may have changed since the program read the files. */
  start(): void {
    this.compare();
  }

  /** Compares now, and reads when something changed. */
  compare(): void {
    this.#triggered = true;
    this.#go();
  }

  /** Reads at once, changed or not, and resolves when that is done. */
  async readNow(): Promise<void> {
    this.#requested = true;
    this.#hurry?.();
    this.#go();
    await this.#work;
  }

  /** Ends it; resolves when nothing of it runs any more. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#hurry?.();
    await this.#work;
    await this.#watcher?.events.close();
    this.#watcher = null;
  }

  #go(): void {
    if (this.#stopped) return;
    this.#work ??= this.#serve().finally(() => {
      this.#work = null;
      // Asked for in the very moment of ending.
      if (this.#triggered || this.#requested) this.#go();
    });
  }

  async #serve(): Promise<void> {
    this.#timer?.cancel();
    while ((this.#triggered || this.#requested) && !this.#stopped) {
      this.#triggered = false;
      const print = await this.#prints.take(this.#files);
      if (this.#requested || print.digest !== this.#examined?.digest) await this.#readWhenStill(print);
      if (!this.#stopped) await this.#follow();
    }
    this.#arm();
  }

  async #readWhenStill(first: Fingerprint): Promise<void> {
    const still = await this.#stillness(first);
    const isRequested = this.#requested || this.#owed;
    if (this.#stopped || (!isRequested && still.digest === this.#examined?.digest)) return;
    this.#requested = false;
    const before = this.#files;
    const files = await this.#options.read({
      cause: isRequested ? 'asked' : 'changed',
      isUnchanged: async () => (await this.#prints.take(before)).digest === still.digest,
    });
    this.#owed = files === null && isRequested;
    this.#files = files ?? before;
    const isSettled = files !== null && sameFiles(before, files);
    // Files that are named for the first time were not still when they were read, as far as anybody knows.
    this.#examined = isSettled ? still : null;
    if (!isSettled) this.#triggered = true;
  }

  /** Waits until two looks, a pause apart, see the same. */
  async #stillness(first: Fingerprint): Promise<Fingerprint> {
    const { clock, onRestless } = this.#options;
    const beganMs = clock.monotonic();
    let reported = false;
    let before = first;
    for (;;) {
      // What was seen before may be long ago.
      if (this.#requested || this.#stopped) return await this.#prints.take(this.#files);
      await this.#pause();
      const now = await this.#prints.take(this.#files);
      const passedMs = clock.monotonic() - beganMs;
      const isStill = now.digest === before.digest;
      if (isStill && (!this.#hasJustGone(now) || passedMs >= MIN_GONE_MS)) return now;
      before = now;
      if (isStill || reported || passedMs < RESTLESS_MS) continue;
      reported = true;
      onRestless(passedMs);
    }
  }

  #hasJustGone({ gone }: Fingerprint): boolean {
    return [...gone].some((file) => this.#examined !== null && !this.#examined.gone.has(file));
  }

  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.#hurry = null;
        timer.cancel();
        resolve();
      };
      const timer = this.#options.clock.after(STILL_MS, done);
      this.#hurry = done;
    });
  }

  #arm(): void {
    this.#timer?.cancel();
    if (this.#stopped) return;
    const isMissing = (this.#examined?.missing.size ?? 0) > 0;
    const everyMs = isMissing ? MISSING_POLL_MS : COMPARE_EVERY_MS;
    this.#timer = this.#options.clock.after(everyMs, () => this.compare());
  }

  /** Has events of exactly the files that exist. */
  async #follow(): Promise<void> {
    const examined = this.#examined;
    // Which of them exist is known after the next reading, which comes at once.
    if (examined === null) return;
    const existing = this.#files.filter((file) => !examined.missing.has(file));
    const of = existing.join('\0');
    if (this.#watcher?.of === of) return;
    await this.#watcher?.events.close();
    this.#watcher = null;
    try {
      // Loaded with the first watch only: 12 ms and 10 MiB that no command needs.
      const { watch } = await import('chokidar');
      const events = watch(existing, { ignoreInitial: true });
      this.#watcher = { events, of };
      events.on('all', () => {
        this.#isDeaf = false;
        this.compare();
      });
      events.on('error', (error) => this.#deaf(error));
      // What changed while nobody listened is found by looking once more.
      events.on('ready', () => this.compare());
    } catch (error) {
      this.#deaf(error);
    }
  }

  #deaf(error: unknown): void {
    if (this.#isDeaf) return;
    this.#isDeaf = true;
    this.#options.onDeaf(error instanceof Error ? error.message : String(error));
  }
}

function sameFiles(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((file, index) => file === other[index]);
}
