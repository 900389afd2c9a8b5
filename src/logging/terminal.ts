// The log on a screen: classic lines. On a tty, the levels are colored, and there is one live line below the log. It
// first shows for how many seconds Sallyport has waited for a package, and then a progress bar. Several downloads share
// one bar.
//
// Guarantees: before any other line is printed, the live line is erased, even if it fills several rows in a narrow
// window. It is then drawn again if its download continues. Without a tty, there are no escape sequences and no live
// line. Records must be safe to print. The caller chooses colors (NO_COLOR). A crash leaves at most the live line.

import type { Clock, Timer } from '#system/clock.ts';
import { classicLevel, classicLine, colorLevel } from './classic.ts';
import type { EventName } from './events.ts';
import { type BarProgress, progressBar } from './progress-bar.ts';
import type { LogRecord } from './record.ts';
import { updatedWait, type Wait, waitLine, waitOf } from './wait-line.ts';

/** Where the lines are shown; `tty` allows the live line, `color` the colors. */
export interface Screen {
  write(text: string): void;
  readonly tty: boolean;
  readonly color: boolean;
  /** True where systemd's journal reads the lines. */
  readonly journal?: boolean;
  /** Present width in columns; a window can be resized. */
  columns(): number;
  /** Number of characters that the reader has not read yet. */
  backlog?(): number;
  /** Whether the reader is gone, as with `| head`. */
  closed?(): boolean;
  /** Calls back once everything that waits has been read. */
  onceDrained?(callback: () => void): void;
  /** Writes to a terminal do not wait for its reader from now on. */
  unblock?(): void;
}

/** More frequent updates are not easier to read and cost the terminal work. */
const DRAW_EVERY_MS = 100;
/** Weight of a new rate in the rate that is shown. */
const SMOOTHING = 0.3;
/** Interval at which the seconds of a wait are updated. */
const TICK_MS = 1_000;
const WIPE = '\r\u001b[2K';
/** One row further up, for a line that has wrapped. */
const WIPE_ABOVE = '\u001b[1A\u001b[2K';
/** Events of a download that do not remove its live line. */
const KEEPS_BAR: readonly EventName[] = [
  'waiting',
  'connected',
  'connected-direct',
  'response-via',
  'redirected',
  'proxy-holds',
  'proxy-silent',
  'wait-extended',
];

interface Bar {
  readonly id: string;
  received: number;
  length: number | null;
  rate: number | null;
  /** When the rate was last computed, on the monotonic clock, and the bytes received then. */
  sinceMs: number;
  sinceBytes: number;
}

interface Waiting {
  readonly id: string;
  wait: Wait;
  readonly sinceMs: number;
}

/** Draws lines and one live line. */
export class TerminalLog {
  readonly #screen: Screen;
  readonly #clock: Clock;
  /** The downloads that receive bytes, by ID. */
  readonly #bars = new Map<string, Bar>();
  /** Shown while there is no bar. */
  #waiting: Waiting | null = null;
  /** Length in characters of the live line on the screen. */
  #drawn = 0;
  #timer: Timer | null = null;

  constructor(screen: Screen, clock: Clock) {
    this.#screen = screen;
    this.#clock = clock;
  }

  /** Prints a line above the live line. */
  line(record: LogRecord): void {
    const line = this.#screen.color ? inColor(record) : classicLine(record);
    this.#screen.write(`${this.#wipe()}${line}\n`);
    if (this.#waiting !== null) this.#waiting.wait = updatedWait(this.#waiting.wait, record);
    if (record.name === 'waiting') this.waiting(record);
    else {
      this.#forgetEnded(record);
      if (this.#bars.size === 0 && this.#waiting !== null) this.#tick();
      else this.#draw();
    }
  }

  /** Shows the elapsed seconds of the wait for a package; only on a tty. */
  waiting({ fields }: LogRecord): void {
    if (!this.#screen.tty) return;
    const wait = waitOf(fields);
    // A viewer that connects later gets the time already elapsed.
    const waited = typeof fields['waited'] === 'number' ? fields['waited'] : 0;
    this.#waiting = { id: wait.id, wait, sinceMs: this.#clock.monotonic() - waited };
    this.#bars.delete(wait.id);
    this.#tick();
  }

  /** Updates the bar; only on a tty. */
  progress(record: LogRecord): void {
    const { id, received, length } = record.fields;
    if (!this.#screen.tty || typeof received !== 'number') return;
    const now = this.#clock.monotonic();
    const known = typeof length === 'number' ? length : null;
    const before = this.#bars.get(String(id));
    const continues = before !== undefined && before.received <= received;
    if (continues && now - before.sinceMs < DRAW_EVERY_MS && received !== known) {
      before.received = received;
      this.#drawLater(before.sinceMs + DRAW_EVERY_MS - now);
      return;
    }
    if (continues) move(before, received, now);
    const bar = continues ? before : newBar(String(id), received, now);
    bar.length = known;
    this.#stopTicking();
    this.#bars.set(bar.id, bar);
    if (this.#waiting?.id === bar.id) this.#waiting = null;
    this.#draw();
  }

  /** Erases the live line. */
  close(): void {
    const wipe = this.#wipe();
    this.#forget();
    if (wipe !== '') this.#screen.write(wipe);
  }

  /** The next other event of a download removes it from the live line; the end of the whole work removes all. */
  #forgetEnded({ name, fields }: LogRecord): void {
    if (KEEPS_BAR.includes(name)) return;
    const id = fields['id'];
    if (id !== undefined) {
      this.#bars.delete(String(id));
      if (this.#waiting?.id === String(id)) this.#waiting = null;
    } else if (['round-ended', 'round-failed', 'check-failed', 'stopped'].includes(name)) {
      this.#bars.clear();
      this.#waiting = null;
    }
    if (this.#bars.size === 0 && this.#waiting === null) this.#stopTicking();
  }

  #tick(): void {
    this.#stopTicking();
    this.#draw();
    this.#timer = this.#clock.after(TICK_MS, () => this.#tick());
  }

  /** Without it, the last bytes before a pause would not be shown until the next ones arrive. */
  #drawLater(waitMs: number): void {
    this.#timer ??= this.#clock.after(waitMs, () => {
      this.#timer = null;
      for (const bar of this.#bars.values()) move(bar, bar.received, this.#clock.monotonic());
      this.#draw();
    });
  }

  #stopTicking(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #forget(): void {
    this.#stopTicking();
    this.#bars.clear();
    this.#waiting = null;
  }

  /** A line that was drawn in a wider window fills more rows now, because terminals wrap it again. */
  #wipe(): string {
    if (this.#drawn === 0) return '';
    const rows = Math.ceil(this.#drawn / (this.#width + 1));
    this.#drawn = 0;
    return `${WIPE}${WIPE_ABOVE.repeat(rows - 1)}`;
  }

  #draw(): void {
    const line = this.#liveLine();
    if (line === null) return;
    const wipe = this.#wipe();
    this.#screen.write(`${wipe === '' ? WIPE : wipe}${line}`);
    this.#drawn = line.length;
  }

  #liveLine(): string | null {
    const [first, ...more] = this.#bars.values();
    if (first !== undefined) return progressBar(more.length === 0 ? first : together([first, ...more]), this.#width);
    const waiting = this.#waiting;
    return waiting === null ? null : waitLine(waiting.wait, this.#clock.monotonic() - waiting.sinceMs, this.#width);
  }

  /** The last column stays free: a full line makes some terminals wrap, and then only part of it would be erased. */
  get #width(): number {
    const columns = this.#screen.columns();
    return Number.isInteger(columns) && columns > 1 ? columns - 1 : 79;
  }
}

function newBar(id: string, received: number, now: number): Bar {
  return { id, received, length: null, rate: null, sinceMs: now, sinceBytes: received };
}

/** Several downloads as one bar. Each has its own bar in `status`. */
function together(bars: readonly Bar[]): BarProgress {
  const sum = (values: readonly (number | null)[]) =>
    values.reduce<number | null>((total, value) => (total === null || value === null ? null : total + value), 0);
  return {
    id: `${bars.length}_downloads`,
    title: `downloads: ${bars.length}`,
    received: sum(bars.map(({ received }) => received)) ?? 0,
    length: sum(bars.map(({ length }) => length)),
    rate: sum(bars.map(({ rate }) => rate)),
  };
}

function move(bar: Bar, received: number, now: number): void {
  const elapsedMs = now - bar.sinceMs;
  if (elapsedMs > 0) {
    const rate = ((received - bar.sinceBytes) / elapsedMs) * 1_000;
    bar.rate = bar.rate === null ? rate : bar.rate + (rate - bar.rate) * SMOOTHING;
    bar.sinceMs = now;
    bar.sinceBytes = received;
  }
  bar.received = received;
}

function inColor(record: LogRecord): string {
  // The head contains only our own words, so the first match is the level.
  return classicLine(record).replace(classicLevel(record), () => colorLevel(record.level));
}
