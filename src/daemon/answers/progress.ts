// The progress of a round for `status` and for a command that joins a check: the transfer with its rate, and the
// package whose first byte has not arrived. It is derived from events, as the log is, and does not affect the round.

import { progressed, type TransferProgress } from '#daemon/transfer-progress.ts';
import type { EventName, SallyportEvent } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';

/** The event of an awaited package, with the wait so far. */
export type AwaitedPackage = SallyportEvent & { readonly waited: number };

/** Events that end a wait: the first byte, or the end of the attempt. */
const ENDS_WAIT: ReadonlySet<EventName> = new Set([
  'progress',
  'downloaded',
  'download-failed',
  'rerouted',
  'disk-full',
]);

/** Follows the events of a round. */
export class RunningRound {
  readonly #clock: Clock;
  #transfer: TransferProgress | null = null;
  /** The awaited package, and the start of the wait on the monotonic clock. */
  #waiting: { readonly event: SallyportEvent; readonly atMs: number } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get transfer(): TransferProgress | null {
    return this.#transfer;
  }

  get waiting(): AwaitedPackage | null {
    if (this.#waiting === null) return null;
    const { event, atMs } = this.#waiting;
    return { ...event, waited: Math.round(this.#clock.monotonic() - atMs) };
  }

  /** A round has ended. */
  forget(): void {
    this.#transfer = null;
    this.#waiting = null;
  }

  update(event: SallyportEvent): void {
    if (event.name === 'progress') {
      const { id, received, length } = event;
      const latest = { id: String(id), received: Number(received), length: Number(length) };
      this.#transfer = progressed(this.#transfer, latest, this.#clock.monotonic());
    }
    if (event.name === 'downloaded' || event.name === 'download-failed') this.#transfer = null;
    if (event.name === 'waiting') {
      this.#transfer = null;
      this.#waiting = { event, atMs: this.#clock.monotonic() };
    } else if (event.name === 'proxy-holds' || event.name === 'proxy-silent') {
      if (this.#waiting !== null) this.#waiting = { ...this.#waiting, event: probed(this.#waiting.event, event) };
    } else if (ENDS_WAIT.has(event.name)) this.#waiting = null;
  }
}

/** The event of an awaited package with what a probe of its proxy showed. */
function probed(waiting: SallyportEvent, shown: SallyportEvent): SallyportEvent {
  if (waiting['id'] !== shown['id']) return waiting;
  const { answered: _answered, unanswered: _unanswered, ...others } = waiting;
  return shown.name === 'proxy-holds'
    ? { ...others, answered: shown['latency'] }
    : { ...others, unanswered: shown['elapsed'] };
}
