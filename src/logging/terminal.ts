// The log for the one who watches: the classic line, on a tty with its level coloured and a live progress bar below.
//
// Guarantees: the bar is wiped before any other line and drawn again after it while its download goes on; without a tty
// no escape sequence and no bar. Relies on records that are safe to print. Whether there is colour the caller decides
// (NO_COLOR). A crash leaves at most the bar standing on the last line.

import type { Clock } from '#system/clock.ts';
import { classicLevel, classicLine } from './classic.ts';
import type { EventName, Level } from './events.ts';
import { progressBar } from './progress-bar.ts';
import type { LogRecord } from './record.ts';

/** Where the watcher's lines go; `tty` allows the bar, `color` the colours. */
export interface Screen {
  write(text: string): void;
  readonly tty: boolean;
  readonly color: boolean;
  /** True where systemd's journal reads the lines. */
  readonly journal?: boolean;
  /** Width at this moment; a window can be drawn larger. */
  columns(): number;
}

/** A bar that moves more often is no better to read and costs the terminal. */
const DRAW_EVERY_MS = 100;
/** How far a new speed moves the shown one. */
const SMOOTHING = 0.3;
const WIPE = '\r\u001b[2K';
const COLOR: Readonly<Record<Level, string>> = {
  debug: '\u001b[2m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};
const COLOR_OFF = '\u001b[0m';
/** Events of a download that don't end it, and so leave its bar. */
const GOES_ON: readonly EventName[] = ['waiting', 'connected', 'connected-direct', 'response-via', 'redirected'];

interface Bar {
  readonly id: string;
  received: number;
  length: number | null;
  rate: number | null;
  /** When the rate was last taken, on the monotonic clock, and from how many bytes. */
  sinceMs: number;
  sinceBytes: number;
  shown: boolean;
}

/** Draws lines and one bar. */
export class TerminalLog {
  readonly #screen: Screen;
  readonly #clock: Clock;
  #bar: Bar | null = null;

  constructor(screen: Screen, clock: Clock) {
    this.#screen = screen;
    this.#clock = clock;
  }

  /** Prints a line; the bar steps aside. */
  line(record: LogRecord): void {
    const line = this.#screen.color ? inColor(record) : classicLine(record);
    const stays = this.#bar !== null && !this.#ends(this.#bar, record);
    this.#screen.write(`${this.#wipe()}${line}\n`);
    if (stays) this.#draw();
    else this.#bar = null;
  }

  /** Moves the bar; only on a tty. */
  progress(record: LogRecord): void {
    const { id, received, length } = record.fields;
    if (!this.#screen.tty || typeof received !== 'number') return;
    const now = this.#clock.monotonic();
    const known = typeof length === 'number' ? length : null;
    const bar = this.#bar;
    if (bar === null || bar.id !== String(id) || received < bar.received) {
      this.#bar = newBar(String(id), received, now);
    } else if (now - bar.sinceMs < DRAW_EVERY_MS && received !== known) {
      bar.received = received;
      return;
    } else {
      move(bar, received, now);
    }
    if (this.#bar !== null) this.#bar.length = known;
    this.#draw();
  }

  /** Takes the bar away. */
  close(): void {
    const wipe = this.#wipe();
    this.#bar = null;
    if (wipe !== '') this.#screen.write(wipe);
  }

  /** A download's bar goes with the next thing said of it, or when the work as a whole ends. */
  #ends(bar: Bar, record: LogRecord): boolean {
    if (GOES_ON.includes(record.name)) return false;
    const id = record.fields['id'];
    return id === undefined
      ? ['round-ended', 'round-failed', 'check-failed', 'stopped'].includes(record.name)
      : String(id) === bar.id;
  }

  #wipe(): string {
    if (!this.#bar?.shown) return '';
    this.#bar.shown = false;
    return WIPE;
  }

  #draw(): void {
    const bar = this.#bar;
    if (bar === null) return;
    const columns = this.#screen.columns();
    // The last column stays free: a full line makes some terminals wrap, and then the wipe misses half of the bar.
    const width = Number.isInteger(columns) && columns > 1 ? columns - 1 : 79;
    this.#screen.write(`${WIPE}${progressBar(bar, width)}`);
    bar.shown = true;
  }
}

function newBar(id: string, received: number, now: number): Bar {
  return { id, received, length: null, rate: null, sinceMs: now, sinceBytes: received, shown: false };
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
  // The head is ours, so its first level is the level.
  return classicLine(record).replace(level, () => `${COLOR[record.level]}${level}${COLOR_OFF}`);
}
