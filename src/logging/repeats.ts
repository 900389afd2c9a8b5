// Counts repeated warnings. If a warning repeats within seconds, it is shown once, followed by the number of repeats.
//
// Guarantees: only events marked `folds` in `EVENTS` are counted instead of shown. Attempts, results of an edit and
// info lines are always shown. No line is lost: each reported line is either shown or counted. A count is written when
// another line follows, or 10 s after the line that it belongs to. A crash (kill -9) loses at most the counts of the
// last 10 s.

import type { Clock, Timer } from '#system/clock.ts';
import { NewestMap } from '#system/newest.ts';
import { EVENTS } from './events.ts';
import type { LogRecord } from './record.ts';

/** For this long after a line was shown, the same line is counted instead. */
const STORM_MS = 10_000;
/** Maximum number of different lines that are remembered; beyond that the oldest is summed up early. */
const MAX_REMEMBERED = 200;

export interface RepeatsOptions {
  readonly clock: Clock;
  readonly show: (record: LogRecord) => void;
  /** Makes the summary line, with the level and the thread of the repeated line. */
  readonly sumUp: (repeated: Repeated) => LogRecord;
}

/** How often a line was repeated. */
export interface Repeated {
  readonly of: LogRecord;
  readonly count: number;
  readonly elapsedMs: number;
}

interface Remembered {
  readonly key: string;
  readonly record: LogRecord;
  readonly endsMs: number;
  /** Repeats that are not in a summary yet, and the time span in which they came. */
  count: number;
  fromMs: number;
  lastMs: number;
}

/** Filters records before they reach their renderers. */
export class Repeats {
  readonly #options: RepeatsOptions;
  /** In the order in which their windows end. */
  readonly #remembered = new NewestMap<string, Remembered>(MAX_REMEMBERED, (oldest) => this.#forget(oldest));
  #above: Remembered | null = null;
  #timer: Timer | null = null;

  constructor(options: RepeatsOptions) {
    this.#options = options;
  }

  /** Shows the record, or counts it; true when it was shown. */
  offer(record: LogRecord): boolean {
    this.#endWindows();
    const key = 'folds' in EVENTS[record.name] ? `${record.thread} ${record.name} ${record.message}` : null;
    const before = key === null ? undefined : this.#remembered.get(key);
    const now = this.#options.clock.monotonic();
    if (before !== undefined) {
      before.count += 1;
      before.lastMs = now;
      return false;
    }
    if (this.#above !== null) this.#sumUp(this.#above);
    this.#above = null;
    this.#options.show(record);
    if (key === null) return true;
    const remembered = { key, record, endsMs: now + STORM_MS, count: 0, fromMs: now, lastMs: now };
    this.#remembered.set(key, remembered);
    this.#above = remembered;
    this.#arm();
    return true;
  }

  /** Reports all pending counts and forgets them. */
  flush(): void {
    for (const one of this.#remembered.values()) this.#forget(one);
    this.#timer?.cancel();
    this.#timer = null;
  }

  #endWindows(): void {
    const now = this.#options.clock.monotonic();
    for (const one of this.#remembered.values()) {
      if (one.endsMs > now) return;
      this.#forget(one);
    }
  }

  #forget(one: Remembered): void {
    this.#remembered.delete(one.key);
    this.#sumUp(one);
    if (this.#above === one) this.#above = null;
  }

  #sumUp(one: Remembered): void {
    const { count, record, fromMs, lastMs } = one;
    if (count === 0) return;
    one.count = 0;
    one.fromMs = lastMs;
    this.#options.show(this.#options.sumUp({ of: record, count, elapsedMs: lastMs - fromMs }));
  }

  #arm(): void {
    const [first] = this.#remembered.values();
    if (this.#timer !== null || first === undefined) return;
    const { clock } = this.#options;
    this.#timer = clock.after(first.endsMs - clock.monotonic(), () => {
      this.#timer = null;
      this.#endWindows();
      this.#arm();
    });
  }
}
