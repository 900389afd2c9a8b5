// A screen whose reader may be slow or stuck, such as a full journal, a terminal after Ctrl-S, or a pipe that nothing
// reads.
//
// Guarantees: at most `BACKLOG_LIMIT` characters wait for the reader, and no write waits for it. If the reader is too
// slow, lines are dropped and counted, and the count is reported when the reader has caught up. The log file has every
// line. Relies on `backlog` and `onceDrained`; without them lines are written directly.

import type { Screen } from './terminal.ts';

/** In characters; a few thousand lines. */
export const BACKLOG_LIMIT = 1_048_576;

/** Notifications about the reader. */
export interface ReaderListener {
  /** The reader does not keep up; lines are dropped from now on. */
  behind(): void;
  /** The reader has read everything that waited; `lost` lines are missing. */
  caughtUp(lost: number): void;
}

/** Writes as long as the reader keeps up. */
export class BoundedScreen implements Screen {
  readonly #screen: Screen;
  readonly #news: ReaderListener;
  #lost = 0;
  #behind = false;

  constructor(screen: Screen, news: ReaderListener) {
    this.#screen = screen;
    this.#news = news;
    screen.unblock?.();
  }

  get tty(): boolean {
    return this.#screen.tty;
  }

  get color(): boolean {
    return this.#screen.color;
  }

  get journal(): boolean {
    return this.#screen.journal === true;
  }

  columns(): number {
    return this.#screen.columns();
  }

  write(text: string): void {
    if (!this.#behind && (this.#screen.backlog?.() ?? 0) + text.length <= BACKLOG_LIMIT) {
      this.#screen.write(text);
      return;
    }
    // A bar that is drawn again is not a line and is not missed.
    if (text.endsWith('\n')) this.#lost += 1;
    if (this.#behind) return;
    this.#behind = true;
    this.#screen.onceDrained?.(() => this.#catchUp());
    this.#news.behind();
  }

  /** Reports the lines that were lost so far. */
  close(): void {
    if (this.#behind) this.#news.caughtUp(this.#lost);
    this.#lost = 0;
  }

  #catchUp(): void {
    const lost = this.#lost;
    this.#behind = false;
    this.#lost = 0;
    this.#news.caughtUp(lost);
  }
}
