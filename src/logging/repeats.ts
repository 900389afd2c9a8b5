// Repeats are counted: a complaint that comes again and again is shown once and then summed up.
//
// Guarantees: the story is never touched: only lines of level warn and error that are not marked as story in `EVENTS` can
// be folded, and only while the very same line came within the window; nothing is lost uncounted: for each line shown
// plus the counts of its sums are as many as there were. The sum comes when another line comes after the repeats, when
// the window ends, or with `flush`. What a crash leaves is a count that nobody reads.

import type { Clock, Timer } from '#system/clock.ts';
import { EVENTS } from './events.ts';
import type { LogRecord } from './record.ts';

/** So long the same complaint is not shown again. */
const REPEAT_WINDOW_MS = 600_000;
/** So many different complaints are remembered; then the oldest one's window ends early. */
const MOST_REMEMBERED = 200;

export interface RepeatsOptions {
  readonly clock: Clock;
  readonly show: (record: LogRecord) => void;
  /** Makes the line that sums up; it has the level and the thread of the line that it is about. */
  readonly sumUp: (repeated: Repeated) => LogRecord;
}

/** What a sum is about. */
export interface Repeated {
  readonly of: LogRecord;
  /** True when that line, or its last sum, is the last one shown. */
  readonly above: boolean;
  readonly count: number;
  readonly elapsedMs: number;
}

interface Remembered {
  readonly key: string;
  readonly record: LogRecord;
  readonly endsMs: number;
  /** Not yet in any sum, and from when to when they came. */
  count: number;
  fromMs: number;
  lastMs: number;
}

/** Stands between the records and those who render them. */
export class Repeats {
  readonly #options: RepeatsOptions;
  /** In the order in which their windows end. */
  readonly #remembered = new Map<string, Remembered>();
  #above: Remembered | null = null;
  #timer: Timer | null = null;

  constructor(options: RepeatsOptions) {
    this.#options = options;
  }

  /** Shows the record, or counts it; true when it was shown. */
  offer(record: LogRecord): boolean {
    this.#endWindows();
    const key = isFoldable(record) ? `${record.name} ${record.message}` : null;
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
    const remembered = { key, record, endsMs: now + REPEAT_WINDOW_MS, count: 0, fromMs: now, lastMs: now };
    this.#remembered.set(key, remembered);
    this.#above = remembered;
    const [oldest] = this.#remembered.values();
    if (this.#remembered.size > MOST_REMEMBERED && oldest !== undefined) this.#forget(oldest);
    this.#arm();
    return true;
  }

  /** Sums up everything and forgets it. */
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
    const above = this.#above === one;
    one.count = 0;
    one.fromMs = lastMs;
    this.#options.show(this.#options.sumUp({ of: record, above, count, elapsedMs: lastMs - fromMs }));
    if (!above) this.#above = null;
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

function isFoldable({ name, level }: LogRecord): boolean {
  return (level === 'warn' || level === 'error') && !('story' in EVENTS[name]);
}
