// The upload in progress, as `status` shows it: the bytes that the server has confirmed, and their rate. It renders
// events as the log does; no work depends on it.

import type { EventName, SallyportEvent } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import { progressed, type TransferProgress } from './progress.ts';

/** Events that end an upload, or its present attempt. */
const ENDS: ReadonlySet<EventName> = new Set<EventName>([
  'uploaded',
  'upload-failed',
  'upload-failed-again',
  'upload-held',
  'upload-refused',
]);

/** Follows the events of uploads of bundles; there is one at a time. */
export class RunningUpload {
  readonly #clock: Clock;
  #progress: TransferProgress | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get progress(): TransferProgress | null {
    return this.#progress;
  }

  update(event: SallyportEvent): void {
    if (ENDS.has(event.name)) this.#progress = null;
    if (event.name !== 'upload-progress') return;
    const latest = { id: String(event.job), received: Number(event.confirmed), length: Number(event.length) };
    this.#progress = progressed(this.#progress, latest, this.#clock.monotonic());
  }
}
