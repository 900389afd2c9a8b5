// Writes the events of one stream as numbered lines of JSON.
//
// Guarantees: a page gets at most 200 events in a quarter of a second, and none while a megabyte waits for it. The
// others are counted, and a line says how many were left out. For each transfer, at most one progress event is sent in
// a quarter of a second. Memory is bounded.

import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '#system/clock.ts';

const WINDOW_MS = 250;
const MAX_EVENTS = 200;
const BACKLOG_BYTES = 1_048_576;
/** Transfers whose progress waits for the end of a window. */
const MAX_TRANSFERS = 64;
/** An empty line, so that a connection that broke without a word is noticed. */
const ALIVE_MS = 15_000;

export class EventLines {
  readonly #response: ServerResponse;
  readonly #clock: Clock;
  readonly #progress = new Map<string, unknown>();
  /** The number of the newest event, sent or not. */
  #number = 0;
  #sent = 0;
  #skipped = 0;
  #window: Timer | null = null;
  #alive: Timer;

  constructor(response: ServerResponse, clock: Clock) {
    this.#response = response;
    this.#clock = clock;
    this.#alive = this.#keepAlive();
  }

  /** Sends an event, or counts it. */
  send(event: unknown): void {
    this.#window ??= this.#clock.after(WINDOW_MS, () => this.#next());
    const transfer = transferOf(event);
    if (transfer !== null && (this.#progress.has(transfer) || this.#progress.size < MAX_TRANSFERS)) {
      this.#progress.set(transfer, event);
      return;
    }
    this.#number += 1;
    if (this.#sent < MAX_EVENTS && !this.#isSlow) this.#write({ n: this.#number, event });
    else this.#skipped += 1;
  }

  /** Sends the last line, whatever waits before it. */
  end(last: unknown): void {
    this.#close();
    this.#flush();
    this.#writeLine(last);
    this.#response.end();
  }

  get #isSlow(): boolean {
    return this.#response.writableLength > BACKLOG_BYTES;
  }

  /** Begins the next window. */
  #next(): void {
    this.#sent = 0;
    this.#window = null;
    this.#flush();
    // What is still left out is sent when the page reads again.
    if (this.#skipped > 0 || this.#progress.size > 0) this.#window = this.#clock.after(WINDOW_MS, () => this.#next());
  }

  #flush(): void {
    if (this.#isSlow) return;
    if (this.#skipped > 0) this.#writeLine({ n: this.#number, skipped: this.#skipped });
    this.#skipped = 0;
    for (const event of this.#progress.values()) {
      this.#number += 1;
      this.#write({ n: this.#number, event });
    }
    this.#progress.clear();
  }

  #write(line: unknown): void {
    this.#sent += 1;
    this.#writeLine(line);
  }

  #writeLine(line: unknown): void {
    if (this.#response.destroyed || this.#response.writableEnded) return;
    this.#response.write(`${JSON.stringify(line)}\n`);
  }

  #keepAlive(): Timer {
    return this.#clock.after(ALIVE_MS, () => {
      if (!this.#response.destroyed && this.#response.writableLength === 0) this.#response.write('\n');
      this.#alive.restart();
    });
  }

  #close(): void {
    this.#window?.cancel();
    this.#alive.cancel();
  }
}

/** The transfer whose progress an event reports; null for another event. */
function transferOf(event: unknown): string | null {
  const { kind, name, id, facts } = (event ?? {}) as {
    readonly kind?: unknown;
    readonly name?: unknown;
    readonly id?: unknown;
    readonly facts?: { readonly id?: unknown };
  };
  if (kind === 'progress') return String(id);
  return name === 'progress' ? String(facts?.id) : null;
}
