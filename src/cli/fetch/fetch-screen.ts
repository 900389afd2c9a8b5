// What a fetch shows while it runs: one live line on a terminal, otherwise a line for each event. Secrets are masked.

import type { Terminal } from '#cli/terminal/terminal.ts';
import { showDuration } from '#errors/template.ts';
import { progressBar } from '#logging/progress-bar.ts';
import { type Wait, type WaitChange, waitLine } from '#logging/wait-line.ts';
import type { Redactor } from '#redaction/redact.ts';
import type { Clock, Timer } from '#system/clock.ts';

/** Receives what happens while a file is fetched. */
export interface FetchProgress {
  /** A fact in one sentence. */
  note(text: string): void;
  /** A request was sent, and its response is awaited. */
  waits(wait: Omit<Wait, 'id'>, attempt: number): void;
  waitChanged(change: WaitChange): void;
  received(bytes: number, length: number | null): void;
}

const WIPE = '\r\u001b[2K';
const TICK_MS = 1_000;
const DRAW_EVERY_MS = 200;
/** Weight of a new rate in the rate that is shown. */
const SMOOTHING = 0.3;

interface ScreenParts {
  readonly terminal: Terminal;
  readonly known: Redactor;
  readonly clock: Clock;
  /** Name of the file. */
  readonly name: string;
}

export class FetchScreen implements FetchProgress {
  readonly #parts: ScreenParts;
  #timer: Timer | null = null;
  #wait: Omit<Wait, 'id'> | null = null;
  #isDrawn = false;
  #rate: number | null = null;
  #last: { readonly atMs: number; readonly bytes: number } | null = null;

  constructor(parts: ScreenParts) {
    this.#parts = parts;
  }

  note(text: string): void {
    this.#wipe();
    this.#parts.terminal.err(this.#parts.known.redact(text));
  }

  waits(wait: Omit<Wait, 'id'>, attempt: number): void {
    const { terminal, clock, name } = this.#parts;
    this.#stop();
    this.#wait = wait;
    const via = wait.proxy === null ? 'directly' : `through proxy ${wait.proxy}`;
    const within = `first byte expected within ${showDuration(wait.limitMs)}`;
    if (!terminal.screen.tty) {
      this.note(`Attempt ${attempt}, ${via}; ${within}.`);
      return;
    }
    const sinceMs = clock.monotonic();
    const draw = () => {
      const columns = terminal.screen.columns() - 1;
      const elapsedMs = clock.monotonic() - sinceMs;
      const long = `${name}  attempt ${attempt}, ${via}; ${within}`;
      // After some seconds, why it may take long is more useful.
      const isShort = elapsedMs < 3_000 && long.length <= columns;
      this.#draw(isShort ? long : waitLine({ ...(this.#wait ?? wait), id: name }, elapsedMs, columns));
      this.#timer = clock.after(TICK_MS, draw);
    };
    draw();
  }

  waitChanged(change: WaitChange): void {
    if (this.#wait !== null) this.#wait = { ...this.#wait, ...change };
  }

  received(bytes: number, length: number | null): void {
    const { terminal, clock, name } = this.#parts;
    if (!terminal.screen.tty) return;
    const now = clock.monotonic();
    const before = this.#last;
    if (before === null || bytes < before.bytes) {
      this.#last = { atMs: now, bytes };
      this.#rate = null;
    } else if (now - before.atMs < DRAW_EVERY_MS && bytes !== length) return;
    else if (now > before.atMs) {
      const rate = ((bytes - before.bytes) / (now - before.atMs)) * 1_000;
      this.#rate = this.#rate === null ? rate : this.#rate + SMOOTHING * (rate - this.#rate);
      this.#last = { atMs: now, bytes };
    }
    this.#stop();
    this.#draw(progressBar({ id: name, received: bytes, length, rate: this.#rate }, terminal.screen.columns() - 1));
  }

  end(): void {
    this.#stop();
    this.#wipe();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  #draw(line: string): void {
    this.#isDrawn = true;
    this.#parts.terminal.screen.write(`${WIPE}${this.#parts.known.redact(line)}`);
  }

  #wipe(): void {
    if (this.#isDrawn) this.#parts.terminal.screen.write(WIPE);
    this.#isDrawn = false;
  }
}

/** For --quiet and --json. */
export const NO_SCREEN: FetchProgress & { end(): void } = {
  note: () => undefined,
  waits: () => undefined,
  waitChanged: () => undefined,
  received: () => undefined,
  end: () => undefined,
};
