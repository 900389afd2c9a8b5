// The connection of the console's process to the daemon. It is kept for some seconds: a page may send many requests,
// and a new connection for each would cost the daemon three requests.

import type { Authority, Control } from '#control/control.ts';
import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import type { Clock } from '#system/clock.ts';

/** What was found at the control socket of the configuration. */
export interface ReachedDaemon {
  readonly socket: string;
  /** The daemon of this file; null if none runs. */
  readonly control: Control | null;
  readonly authority: Authority | null;
  /** The failure if the daemon uses another file; null otherwise. */
  readonly other: CodedError | null;
}

/** What the pages show of it. */
export interface DaemonState {
  readonly daemon: 'running' | 'stopped' | 'other-file' | 'unreachable';
  readonly authority: Authority | null;
  /** Why it cannot be asked; null if it can, or is stopped. */
  readonly error: CodedError | null;
}

/** A daemon that restarted with another file is noticed after this time. */
const KEPT_MS = 10_000;
/** A daemon that does not run, or cannot be reached, is looked for again after this time. */
const ABSENT_MS = 1_000;

type Attempt = { readonly reached: ReachedDaemon } | { readonly error: CodedError };

export class DaemonLink {
  readonly #connect: () => Promise<ReachedDaemon>;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #attempt: Promise<Attempt> | null = null;
  #until = 0;

  constructor(connect: () => Promise<ReachedDaemon>, clock: Pick<Clock, 'monotonic'>) {
    this.#connect = connect;
    this.#clock = clock;
  }

  /**
   * Has the daemon do something. @throws CodedError CONTROL-UNREACHABLE if none runs, CONTROL-OTHER-FILE, and what
   * the work throws
   */
  async use<T>(work: (control: Control) => Promise<T>): Promise<T> {
    const found = await this.#latest();
    if ('error' in found) throw found.error;
    const { control, other, socket } = found.reached;
    if (other !== null) throw other;
    if (control === null) throw coded('CONTROL-UNREACHABLE', { path: socket, reason: 'no daemon is running' });
    try {
      return await work(control);
    } catch (thrown) {
      if (asCoded(thrown).code === 'CONTROL-UNREACHABLE') this.#attempt = null;
      throw thrown;
    }
  }

  async state(): Promise<DaemonState> {
    const found = await this.#latest();
    if ('error' in found) return { daemon: 'unreachable', authority: null, error: found.error };
    const { control, authority, other } = found.reached;
    if (other !== null) return { daemon: 'other-file', authority: null, error: other };
    return control === null
      ? { daemon: 'stopped', authority: null, error: null }
      : { daemon: 'running', authority, error: null };
  }

  #latest(): Promise<Attempt> {
    if (this.#attempt !== null && this.#clock.monotonic() < this.#until) return this.#attempt;
    // One attempt at a time; it ends by itself, because every request to a daemon has a deadline.
    this.#until = Number.POSITIVE_INFINITY;
    const attempt = this.#connect().then(
      (reached): Attempt => ({ reached }),
      (thrown: unknown): Attempt => ({ error: asCoded(thrown) }),
    );
    this.#attempt = attempt;
    void attempt.then((found) => {
      const isUp = 'reached' in found && found.reached.control !== null;
      this.#until = this.#clock.monotonic() + (isUp ? KEPT_MS : ABSENT_MS);
    });
    return attempt;
  }
}
