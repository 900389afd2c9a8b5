// The log on a screen: classic lines. On a tty, the levels are colored, and there is one live line below the log. It
// first shows how many seconds a package has been awaited, and then its progress bar.
//
// Guarantees: before any other line is printed, the live line is erased, even if it fills several rows because the
// window became narrower. After that line, it is drawn again if its download continues. Without a tty, there are no
// escape sequences and no live line. Records must be safe to print. The caller decides whether colors are used
// (NO_COLOR). A crash leaves at most the live line on the screen.

import type { Clock, Timer } from '#system/clock.ts';
import { classicLevel, classicLine } from './classic.ts';
import type { Level } from './event-definition.ts';
import type { EventName } from './events.ts';
import { progressBar } from './progress-bar.ts';
import type { LogRecord } from './record.ts';
import { type Wait, waitLine, waitOf, withProbe } from './wait-line.ts';

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
const COLOR: Readonly<Record<Level, string>> = {
  debug: '\u001b[2m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};
const COLOR_OFF = '\u001b[0m';
/** Events of a download that do not remove its live line. */
const KEEPS_BAR: readonly EventName[] = [
  'waiting',
  'connected',
  'connected-direct',
  'response-via',
  'redirected',
  'proxy-holds',
  'proxy-silent',
];

interface Bar {
  readonly kind: 'bar';
  readonly id: string;
  received: number;
  length: number | null;
  rate: number | null;
  /** When the rate was last computed, on the monotonic clock, and the bytes received then. */
  sinceMs: number;
  sinceBytes: number;
}

interface Waiting {
  readonly kind: 'wait';
  readonly id: string;
  wait: Wait;
  readonly sinceMs: number;
}

/** Draws lines and one live line. */
export class TerminalLog {
  readonly #screen: Screen;
  readonly #clock: Clock;
  #live: Bar | Waiting | null = null;
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
    if (this.#live?.kind === 'wait') this.#live.wait = withProbe(this.#live.wait, record);
    if (record.name === 'waiting') this.waiting(record);
    else if (this.#live === null || this.#ends(this.#live, record)) this.#forget();
    else this.#draw();
  }

  /** Shows the elapsed seconds of the wait for a package; only on a tty. */
  waiting({ fields }: LogRecord): void {
    if (!this.#screen.tty) return;
    const wait = waitOf(fields);
    // A viewer that connects later gets the time already elapsed.
    const waited = typeof fields['waited'] === 'number' ? fields['waited'] : 0;
    this.#live = { kind: 'wait', id: wait.id, wait, sinceMs: this.#clock.monotonic() - waited };
    this.#tick();
  }

  /** Updates the bar; only on a tty. */
  progress(record: LogRecord): void {
    const { id, received, length } = record.fields;
    if (!this.#screen.tty || typeof received !== 'number') return;
    const now = this.#clock.monotonic();
    const known = typeof length === 'number' ? length : null;
    const before = this.#live;
    const continues = before?.kind === 'bar' && before.id === String(id) && before.received <= received;
    if (continues && now - before.sinceMs < DRAW_EVERY_MS && received !== known) {
      before.received = received;
      this.#drawLater(before, before.sinceMs + DRAW_EVERY_MS - now);
      return;
    }
    if (continues) move(before, received, now);
    const bar = continues ? before : newBar(String(id), received, now);
    bar.length = known;
    this.#stopTicking();
    this.#live = bar;
    this.#draw();
  }

  /** Erases the live line. */
  close(): void {
    const wipe = this.#wipe();
    this.#forget();
    if (wipe !== '') this.#screen.write(wipe);
  }

  /** The next other event of its download removes the live line, and so does the end of the whole work. */
  #ends(live: Bar | Waiting, record: LogRecord): boolean {
    if (KEEPS_BAR.includes(record.name)) return false;
    const id = record.fields['id'];
    if (id !== undefined) return String(id) === live.id;
    return ['round-ended', 'round-failed', 'check-failed', 'stopped'].includes(record.name);
  }

  #tick(): void {
    this.#stopTicking();
    this.#draw();
    this.#timer = this.#clock.after(TICK_MS, () => this.#tick());
  }

  /** Without it, the last bytes before a pause would not be shown until the next ones arrive. */
  #drawLater(bar: Bar, waitMs: number): void {
    this.#timer ??= this.#clock.after(waitMs, () => {
      this.#timer = null;
      move(bar, bar.received, this.#clock.monotonic());
      this.#draw();
    });
  }

  #stopTicking(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #forget(): void {
    this.#stopTicking();
    this.#live = null;
  }

  /** A line that was drawn in a wider window fills more rows now, because terminals wrap it again. */
  #wipe(): string {
    if (this.#drawn === 0) return '';
    const rows = Math.ceil(this.#drawn / (this.#width + 1));
    this.#drawn = 0;
    return `${WIPE}${WIPE_ABOVE.repeat(rows - 1)}`;
  }

  #draw(): void {
    const live = this.#live;
    if (live === null) return;
    const width = this.#width;
    const line =
      live.kind === 'bar'
        ? progressBar(live, width)
        : waitLine(live.wait, this.#clock.monotonic() - live.sinceMs, width);
    const wipe = this.#wipe();
    this.#screen.write(`${wipe === '' ? WIPE : wipe}${line}`);
    this.#drawn = line.length;
  }

  /** The last column stays free: a full line makes some terminals wrap, and then only part of it would be erased. */
  get #width(): number {
    const columns = this.#screen.columns();
    return Number.isInteger(columns) && columns > 1 ? columns - 1 : 79;
  }
}

function newBar(id: string, received: number, now: number): Bar {
  return { kind: 'bar', id, received, length: null, rate: null, sinceMs: now, sinceBytes: received };
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
  const level = classicLevel(record);
  // The head contains only our own words, so the first match is the level.
  return classicLine(record).replace(level, () => `${COLOR[record.level]}${level}${COLOR_OFF}`);
}
