// Handles a full disk: reports it once, pauses downloads, retries, and reports when there is space again.
//
// Guarantees: there is one log line when the disk is full, however many files and packages are affected, and one when
// there is space again. The first retry is after a minute. The interval then doubles up to ten minutes, and does not
// depend on the wall clock. Nothing is stored, because there is no space for it.

import { dirname } from 'node:path';
import type { CodedError } from '#errors/coded-error.ts';
import type { Report } from '#logging/events.ts';
import type { Clock } from '#system/clock.ts';
import type { Files } from '#system/files.ts';

const FIRST_TRY_MS = 60_000;
const MAX_WAIT_MS = 600_000;

/** A pause that has not ended. */
export interface Paused {
  readonly error: CodedError;
  /** Wall time, ms since the epoch. */
  readonly sinceMs: number;
  readonly nextTryMs: number;
}

/** Whether a disk, or our quota on it, is full. */
export function isDiskFull(error: CodedError): boolean {
  return error.code === 'DISK-FULL';
}

/** The pause of everything that writes; rounds start and end it. */
export class DiskPause {
  readonly #ports: { readonly files: Files; readonly clock: Clock; readonly report: Report };
  /** Times of the monotonic clock. */
  #paused: { readonly error: CodedError; readonly since: number; readonly nextTry: number } | null = null;
  /** Consecutive rounds that met the full disk. */
  #rounds = 0;
  #hit = false;

  constructor(ports: { readonly files: Files; readonly clock: Clock; readonly report: Report }) {
    this.#ports = ports;
  }

  /** The current pause, for `status`; null when there is none. */
  get current(): Paused | null {
    if (this.#paused === null) return null;
    const { error, since, nextTry } = this.#paused;
    return { error, sinceMs: this.#wall(since), nextTryMs: this.#wall(nextTry) };
  }

  /** A round starts. */
  begin(): void {
    this.#hit = false;
  }

  /** Work met the full disk. Returns the time of the next retry, wall ms. */
  async note(error: CodedError): Promise<number> {
    const { clock, report } = this.#ports;
    this.#hit = true;
    const now = clock.monotonic();
    const nextTry = now + this.#delayMs();
    const first = this.#paused === null;
    this.#paused = { error, since: this.#paused?.since ?? now, nextTry };
    const free = await this.#free(error);
    const at = this.#wall(nextTry);
    if (first) report({ name: 'disk-full', error, free, at });
    else report({ name: 'disk-still-full', error, free, at });
    return at;
  }

  /**
   * A round ended; `well` when it was completed. Returns the time of the next retry, or null when nothing is paused.
   */
  end(well: boolean): number | null {
    if (this.#paused === null) return null;
    const { clock } = this.#ports;
    if (this.#hit || !well) {
      const nextTry = Math.max(this.#paused.nextTry, clock.monotonic() + this.#delayMs());
      this.#paused = { ...this.#paused, nextTry };
      this.#rounds += 1;
      return this.#wall(nextTry);
    }
    const { since } = this.#paused;
    this.#paused = null;
    this.#rounds = 0;
    this.#ports.report({ name: 'disk-room', elapsed: clock.monotonic() - since });
    return null;
  }

  #wall(at: number): number {
    const { clock } = this.#ports;
    return clock.now() + at - clock.monotonic();
  }

  #delayMs(): number {
    return Math.min(MAX_WAIT_MS, FIRST_TRY_MS * 2 ** this.#rounds);
  }

  /** Free space where the write failed. A quota may be full although the disk is not. */
  async #free(error: CodedError): Promise<number | null> {
    const { path, free } = error.facts;
    if (typeof free === 'number') return free;
    return typeof path === 'string' ? await this.#ports.files.freeSpace(dirname(path)).catch(() => null) : null;
  }
}
