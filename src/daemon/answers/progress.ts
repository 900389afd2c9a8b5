// What is under way, as `status` and a command that joins a check show it: the transfer with its rate, and the package that
// is waited for. A renderer of events like the log: nothing that is done depends on it.

import type { EventName, SallyportEvent } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';

export interface TransferProgress {
  readonly id: string;
  readonly received: number;
  readonly length: number;
  /** Bytes a second since the first that was heard of; null when there is no telling yet. */
  readonly rate: number | null;
  /** The first that was heard of: bytes, and the moment of the monotonic clock. */
  readonly from: { readonly bytes: number; readonly atMs: number };
}

/** The event of a package that is waited for, with how long that has been. */
export type Waiting = SallyportEvent & { readonly waited: number };

/** No rate is told of a shorter time, in milliseconds. */
const MIN_MS = 500;
/** What follows a wait: the first byte, or the end of the attempt. */
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
  /** The package that is waited for, and since when on the monotonic clock. */
  #waiting: { readonly event: SallyportEvent; readonly atMs: number } | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get transfer(): TransferProgress | null {
    return this.#transfer;
  }

  get waiting(): Waiting | null {
    if (this.#waiting === null) return null;
    const { event, atMs } = this.#waiting;
    return { ...event, waited: Math.round(this.#clock.monotonic() - atMs) };
  }

  /** A round is over. */
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
    } else if (ENDS_WAIT.has(event.name)) this.#waiting = null;
  }
}

/** The progress with what was just told; another id, or fewer bytes, begin anew. */
export function progressed(
  before: TransferProgress | null,
  { id, received, length }: Pick<TransferProgress, 'id' | 'received' | 'length'>,
  nowMs: number,
): TransferProgress {
  const continues = before !== null && before.id === id && before.received <= received;
  const from = continues ? before.from : { bytes: received, atMs: nowMs };
  const elapsedMs = nowMs - from.atMs;
  const rate = elapsedMs < MIN_MS ? null : ((received - from.bytes) / elapsedMs) * 1_000;
  return { id, received, length, rate, from };
}
