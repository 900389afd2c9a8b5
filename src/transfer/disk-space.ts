// Checks whether the rest of a download fits on the disk, before it begins and while it runs.
//
// Guarantees: if a download and the reserve do not fit, it is refused before a byte is requested. A running download
// ends as soon as a check shows that the rest will not fit, and keeps every byte. Quotas are not checked; a write
// beyond a quota fails with EDQUOT. Relies on `Files`; keeps no state.

import { asCoded, type CodedError, coded } from '#errors/coded-error.ts';
import { showSize } from '#errors/template.ts';
import type { Files } from '#system/files.ts';
import type { RunningTransfer, RunningTransfers } from './running-transfers.ts';

/**
 * The free space is checked again after this many bytes: often enough for any reserve, and rare enough to cost nothing.
 */
const LOOK_EVERY_BYTES = 8 * 1_048_576;

/** Space that downloads leave free, and the configuration key that sets it. */
export interface Reserve {
  readonly bytes: number;
  readonly key: string;
}

/** Checks the free space; null when the rest fits and leaves the reserve free. Pure. */
export function checkSpace(
  path: string,
  space: { readonly free: number; readonly needed: number; readonly reserve: Reserve },
): CodedError | null {
  const { free, needed, reserve } = space;
  if (needed === 0 || needed + reserve.bytes <= free) return null;
  const kept = reserve.bytes === 0 ? '' : ` and ${reserve.key} keeps ${showSize(reserve.bytes)}`;
  const reason = `${showSize(needed)} are needed${kept}, ${showSize(free)} are free`;
  return coded('DISK-FULL', { operation: 'fetch', path, reason, needed, free, reserve: reserve.bytes });
}

/** A download, and all that run. */
interface AmongOthers {
  readonly running: RunningTransfers;
  readonly transfer: RunningTransfer;
}

/** Watches the free space for one file. */
export class SpaceWatch {
  readonly #files: Files;
  readonly #path: string;
  readonly #reserve: Reserve;
  readonly #running: RunningTransfers | undefined;
  readonly #transfer: RunningTransfer | undefined;
  #sinceLook = 0;
  #looking = false;
  #found: Error | null = null;

  constructor(ports: { readonly files: Files; readonly reserve: Reserve }, path: string, among?: AmongOthers) {
    this.#files = ports.files;
    this.#path = path;
    this.#reserve = ports.reserve;
    this.#running = among?.running;
    this.#transfer = among?.transfer;
  }

  /** @throws CodedError DISK-FULL when `own` more bytes do not fit, in addition to those that other downloads need */
  async ensure(own: number): Promise<void> {
    if (this.#transfer !== undefined) this.#transfer.needed = own;
    const others = this.#transfer === undefined ? 0 : (this.#running?.neededByOthers(this.#transfer) ?? 0);
    const needed = own === 0 ? 0 : own + others;
    const free = await this.#files.freeSpace(this.#path);
    const error = checkSpace(this.#path, { free, needed, reserve: this.#reserve });
    if (error !== null) throw error;
  }

  /**
   * Records written bytes and checks the disk in the background.
   * @throws the failure of the last check
   */
  wrote(bytes: number, rest: number): void {
    if (this.#found !== null) throw this.#found;
    if (this.#transfer !== undefined) this.#transfer.needed = rest;
    this.#sinceLook += bytes;
    if (this.#sinceLook < LOOK_EVERY_BYTES || this.#looking || rest === 0) return;
    this.#sinceLook = 0;
    this.#looking = true;
    void this.ensure(rest)
      .catch((thrown: unknown) => {
        this.#found = thrown instanceof Error ? thrown : asCoded(thrown);
      })
      .finally(() => {
        this.#looking = false;
      });
  }
}
