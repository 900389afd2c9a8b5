// The progress of a check for updates, for `status` and for a command that joins a check: the transfers with their
// rates, and the package whose first byte has not arrived. It is derived from events and does not affect the check.

import { progressed, type TransferProgress } from '#daemon/transfer-progress.ts';
import type { EventName, SallyportEvent } from '#logging/events.ts';
import { CHANGES_WAIT } from '#logging/wait-line.ts';
import type { Clock } from '#system/clock.ts';

/** The event of an awaited package, with the wait so far. */
export type AwaitedPackage = SallyportEvent & { readonly waited: number };

/** Events that end a wait: the first byte, or the end of the attempt. */
const ENDS_WAIT: ReadonlySet<EventName> = new Set([
  'progress',
  'downloaded',
  'download-failed',
  'download-parked',
  'rerouted',
]);
const ENDS_TRANSFER: ReadonlySet<EventName> = new Set(['downloaded', 'download-failed', 'download-parked']);

/** Follows the events of a round. */
export class RunningRound {
  readonly #clock: Clock;
  /** By ID, the oldest first. */
  readonly #transfers = new Map<string, TransferProgress>();
  /** The awaited packages by ID, the oldest first, and the start of each wait on the monotonic clock. */
  readonly #waiting = new Map<string, { readonly event: SallyportEvent; readonly atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get transfers(): readonly TransferProgress[] {
    return [...this.#transfers.values()];
  }

  /** The package that has been awaited longest. */
  get waiting(): AwaitedPackage | null {
    const [oldest] = this.#waiting.values();
    if (oldest === undefined) return null;
    return { ...oldest.event, waited: Math.round(this.#clock.monotonic() - oldest.atMs) };
  }

  /** A round has ended. */
  forget(): void {
    this.#transfers.clear();
    this.#waiting.clear();
  }

  update(event: SallyportEvent): void {
    const id = String(event['id']);
    if (event.name === 'progress') {
      const { received, length } = event;
      const latest = { id, received: Number(received), length: Number(length) };
      this.#transfers.set(id, progressed(this.#transfers.get(id) ?? null, latest, this.#clock.monotonic()));
    }
    if (ENDS_TRANSFER.has(event.name)) this.#transfers.delete(id);
    if (event.name === 'waiting') {
      this.#transfers.delete(id);
      this.#waiting.set(id, { event, atMs: this.#clock.monotonic() });
    } else if (CHANGES_WAIT.has(event.name)) {
      const waiting = this.#waiting.get(id);
      if (waiting !== undefined) this.#waiting.set(id, { ...waiting, event: changed(waiting.event, event) });
    } else if (ENDS_WAIT.has(event.name)) this.#waiting.delete(id);
    else if (event.name === 'disk-full') this.#waiting.clear();
  }
}

/** The event of an awaited package with its longer limit, or with what a probe of its proxy showed. */
function changed(waiting: SallyportEvent, shown: SallyportEvent): SallyportEvent {
  if (shown.name === 'wait-extended') return { ...waiting, limit: shown['limit'] };
  const { answered: _answered, unanswered: _unanswered, ...others } = waiting;
  return shown.name === 'proxy-holds'
    ? { ...others, answered: shown['latency'] }
    : { ...others, unanswered: shown['elapsed'] };
}
