// Watches the configuration file and every file that it names, and starts a reload when one of them changes.
//
// Guarantees: every change is noticed, no matter how a program saves the file. File system events report most changes
// at once. A digest of all contents is compared every 10 s and detects the others, such as a replaced symbolic link
// (`..data`). Files are read when they have not changed for 250 ms. A file that has just become missing or empty gets
// up to 5 s to return, because editors delete and recreate files. Relies on the reader to call `isUnchanged` before it
// uses what it read. A crash leaves nothing behind.

import type { FSWatcher } from 'chokidar';
import type { Clock, Timer } from '#system/clock.ts';
import { type Fingerprint, Fingerprints } from './fingerprint.ts';

/** The files are read after this long without a change; editors pause for less between two writes of one save. */
const STILL_MS = 250;
/** How often the digest of all contents is compared. */
const COMPARE_EVERY_MS = 10_000;
/** Interval of the checks for a missing file. Watching it would make every event in its folder expensive. */
const MISSING_POLL_MS = 1_000;
/** A file that has just disappeared is reported as missing after this long. */
const MIN_GONE_MS = 5_000;
/** Constant changes are reported after this long. */
const RESTLESS_MS = 30_000;

/** Why the files are read. */
export type ReadCause = 'changed' | 'asked';

/** The input of the reader. */
interface Reading {
  readonly cause: ReadCause;
  /** Whether none of the watched files has changed since the read began. */
  isUnchanged(): Promise<boolean>;
}

export interface WatchOptions {
  readonly clock: Clock;
  /** Reads the files. Resolves with the files to watch from now on, or with null to be called again. Never rejects. */
  read(reading: Reading): Promise<readonly string[] | null>;
  /** File system events fail, so changes are noticed some seconds later. Called once until an event arrives again. */
  onDeaf(reason: string): void;
  /** The files have been changing for this long, in ms, without a pause. */
  onRestless(ms: number): void;
}

/** A running watch. */
export class ConfigWatch {
  readonly #options: WatchOptions;
  readonly #prints: Fingerprints;
  #files: readonly string[];
  /** The fingerprint of the last read; null if the files must be read again. */
  #examined: Fingerprint | null = null;
  #watcher: { readonly events: FSWatcher; readonly of: string } | null = null;
  #isDeaf = false;
  #timer: Timer | null = null;
  #triggered = false;
  #requested = false;
  /** A requested read found that the files changed meanwhile; the request is still to be fulfilled. */
  #owed = false;
  /** Ends the current pause early. */
  #hurry: (() => void) | null = null;
  #work: Promise<void> | null = null;
  #stopped = false;

  /** Watches these files after `start`. */
  constructor(files: readonly string[], options: WatchOptions) {
    this.#files = files;
    this.#options = options;
    this.#prints = new Fingerprints(options.clock);
  }

  /** Starts, and reads once: the files may have changed since the program read them. */
  start(): void {
    this.compare();
  }

  /** Compares the digests now, and reads the files if they changed. */
  compare(): void {
    this.#triggered = true;
    this.#go();
  }

  /** Reads the files at once, even if they did not change. Resolves when that is done. */
  async readNow(): Promise<void> {
    this.#requested = true;
    this.#hurry?.();
    this.#go();
    await this.#work;
  }

  /** Stops watching. Resolves when all its work has ended. */
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
      // A request may have arrived while the work ended.
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
    // Nothing has shown yet that newly named files were unchanged while they were read, so they are read once more.
    this.#examined = isSettled ? still : null;
    if (!isSettled) this.#triggered = true;
  }

  /** Waits until two fingerprints, a pause apart, are equal. */
  async #stillness(first: Fingerprint): Promise<Fingerprint> {
    const { clock, onRestless } = this.#options;
    const beganMs = clock.monotonic();
    let reported = false;
    let before = first;
    for (;;) {
      // The previous fingerprint may be old by now.
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

  /** Subscribes to the events of exactly those files that exist. */
  async #follow(): Promise<void> {
    const examined = this.#examined;
    // The next read, which follows at once, shows which files exist.
    if (examined === null) return;
    const existing = this.#files.filter((file) => !examined.missing.has(file));
    const of = existing.join('\0');
    if (this.#watcher?.of === of) return;
    await this.#watcher?.events.close();
    this.#watcher = null;
    try {
      // Loaded with the first watch only: it takes 12 ms and 10 MiB, and no command needs it.
      const { watch } = await import('chokidar');
      const events = watch(existing, { ignoreInitial: true });
      this.#watcher = { events, of };
      events.on('all', () => {
        this.#isDeaf = false;
        this.compare();
      });
      events.on('error', (error) => this.#deaf(error));
      // Finds changes that were made before the watcher was ready.
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
