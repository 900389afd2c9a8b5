// `sallyport status --watch`: shows the status on the whole window and updates it, until q or Ctrl-C.
//
// Guarantees: if no daemon is running, the screen says so, and a connection is tried each second. The terminal is
// restored however the command ends. The command needs no more rights than `status`. It refuses to run without a
// terminal.

import type { Terminal } from '#cli/terminal/terminal.ts';
import { UsageError } from '#cli/terminal/usage-error.ts';
import type { Control, Status } from '#control/control.ts';
import type { Followed } from '#control/follow.ts';
import { safeLine } from '#control/text/logs-text.ts';
import { asCoded } from '#errors/coded-error.ts';
import { EXIT_OK } from '#errors/exit-status.ts';
import { onAbort } from '#system/abort.ts';
import { type Clock, wait } from '#system/clock.ts';
import { NewestMap } from '#system/newest.ts';
import { type WatchState, watchFrame } from './watch-frame.ts';
import { WatchScreen } from './watch-screen.ts';

const STATUS_EVERY_MS = 1_000;
/** Events come more often than a person can read. */
const DRAW_EVERY_MS = 200;
const MAX_LINES = 200;
/** Lines from before the start of this command. */
const FIRST_LINES = 50;
const MAX_TRANSFERS = 64;
const DEFAULT_SIZE = { columns: 80, rows: 24 };
/** Ctrl-C, Ctrl-D, q and Q. The terminal sends no signal while keys are read. */
const QUIT: ReadonlySet<number> = new Set([0x03, 0x04, 0x71, 0x51]);

export interface StatusWatchOptions {
  /** The daemon of the configuration; null if none runs. */
  find(): Promise<Control | null>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** @throws UsageError without a terminal */
export async function watchCommand(terminal: Terminal, options: StatusWatchOptions): Promise<number> {
  const { keys } = terminal.answers;
  if (!terminal.screen.tty || keys === null) {
    throw new UsageError('--watch needs a terminal. To follow the log in a pipe, use: sallyport logs -f');
  }
  const ending = new AbortController();
  const end = () => ending.abort(new Error('the user has quit'));
  const watching = new Watching(terminal, { ...options, signal: ending.signal });
  const stopKeys = keys((bytes) => {
    if (bytes.some((byte) => QUIT.has(byte))) end();
  }, end);
  const stopResizing = terminal.window?.onResize(() => watching.resized());
  const stopListening = onAbort(options.signal, end);
  try {
    await watching.run();
  } finally {
    stopListening();
    stopResizing?.();
    watching.close();
    stopKeys();
  }
  return EXIT_OK;
}

class Watching {
  readonly #terminal: Terminal;
  readonly #options: StatusWatchOptions;
  readonly #screen: WatchScreen;
  #status: Status | null = null;
  #statusAtMs = 0;
  #problem: string | null = null;
  #lines: string[] = [];
  readonly #received = new NewestMap<string, number>(MAX_TRANSFERS);
  /** The last line that was received, to continue after it. */
  #after: { readonly run: string; readonly number: number } | null = null;
  #drawnAtMs = Number.NEGATIVE_INFINITY;

  constructor(terminal: Terminal, options: StatusWatchOptions) {
    this.#terminal = terminal;
    this.#options = options;
    this.#screen = new WatchScreen((text) => terminal.screen.write(text));
  }

  async run(): Promise<void> {
    const { clock, signal } = this.#options;
    this.#draw();
    while (!signal.aborted) {
      await this.#watchOnce().catch((thrown: unknown) => this.#fail(thrown));
      this.#draw();
      await wait(clock, STATUS_EVERY_MS, signal).catch(() => undefined);
    }
  }

  resized(): void {
    this.#screen.clear();
    this.#draw();
  }

  close(): void {
    this.#screen.end();
  }

  /** Until the daemon stops to answer, or the user quits. */
  async #watchOnce(): Promise<void> {
    const { signal } = this.#options;
    const control = await this.#options.find();
    if (control === null) {
      this.#problem = 'No daemon is running. Waiting for one.';
      return;
    }
    const over = new AbortController();
    const both = AbortSignal.any([signal, over.signal]);
    try {
      await Promise.race([this.#poll(control, both), this.#follow(control, both)]);
    } finally {
      over.abort(new Error('the connection has ended'));
      await control.close();
    }
  }

  /** Follows the log. A daemon that this command has not followed before also sends its newest lines. */
  async #follow(control: Control, signal: AbortSignal): Promise<void> {
    const known = this.#after;
    const again = new AbortController();
    const take = (followed: Followed) => {
      if (again.signal.aborted) return;
      if (followed.kind === 'start' && followed.run !== known?.run && followed.newest > 0) {
        this.#after = { run: followed.run, number: Math.max(0, followed.newest - FIRST_LINES) };
        again.abort(new Error('the newest lines are requested'));
      } else this.#take(followed);
    };
    try {
      await control.follow({ after: known }, take, AbortSignal.any([signal, again.signal]));
    } catch (thrown) {
      if (!again.signal.aborted || signal.aborted) throw thrown;
    }
    if (again.signal.aborted) await control.follow({ after: this.#after }, (followed) => this.#take(followed), signal);
  }

  async #poll(control: Control, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    for (;;) {
      const status = await control.status();
      signal.throwIfAborted();
      this.#status = status;
      this.#statusAtMs = clock.monotonic();
      this.#problem = null;
      this.#forgetEnded(status);
      this.#draw();
      await wait(clock, STATUS_EVERY_MS, signal);
    }
  }

  #fail(thrown: unknown): void {
    if (this.#options.signal.aborted) return;
    const { code } = asCoded(thrown);
    this.#problem = `The daemon does not answer (${code}). Trying again.`;
  }

  #take(followed: Followed): void {
    if (followed.kind === 'start') {
      this.#after = { run: followed.run, number: followed.newest };
    } else if (followed.kind === 'progress') {
      this.#received.set(followed.id, followed.received);
    } else {
      if (this.#after !== null) this.#after = { ...this.#after, number: followed.number };
      this.#lines.push(lineOf(followed));
      if (this.#lines.length > MAX_LINES) this.#lines = this.#lines.slice(-MAX_LINES);
    }
    if (this.#options.clock.monotonic() - this.#drawnAtMs >= DRAW_EVERY_MS) this.#draw();
  }

  #forgetEnded({ updates }: Status): void {
    for (const id of this.#received.keys()) {
      if (!updates.transfers.some((one) => one.id === id)) this.#received.delete(id);
    }
  }

  #draw(): void {
    const { clock } = this.#options;
    this.#drawnAtMs = clock.monotonic();
    const state: WatchState = {
      status: this.#status,
      problem: this.#problem,
      lines: this.#lines,
      received: this.#received,
      ageMs: this.#status === null ? 0 : this.#drawnAtMs - this.#statusAtMs,
    };
    this.#screen.show(watchFrame(state, this.#terminal.window?.size() ?? DEFAULT_SIZE));
  }
}

/** The line without date and thread, which take half of a small window. */
function lineOf({ at, level, message }: Extract<Followed, { kind: 'line' }>): string {
  const date = new Date(at);
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((part) => String(part).padStart(2, '0'));
  return safeLine(`${time.join(':')} [${level.toUpperCase()}] ${message}`);
}
