// Counts the documents and bytes that are waiting or being accepted, and refuses more than the limits. It changes only
// its own counters.

import { coded } from '#errors/coded-error.ts';

/** A limit, or what is used of it. */
export interface DocumentQuota {
  readonly documents: number;
  /** On disk. */
  readonly bytes: number;
}

/** Quota taken by a submission that is not acknowledged yet. */
export interface DocumentReservation {
  /** @throws CodedError SPOOL-FULL */
  add(documents: number, bytes: number): void;
  /** Harmless when repeated. */
  release(): void;
}

/** The parameters. */
export interface QuotaOptions {
  /** Named in the failure. */
  readonly dir: string;
  readonly limit: () => DocumentQuota;
  readonly used: () => DocumentQuota;
}

/** The quota of a store. */
export class Reservations {
  readonly #options: QuotaOptions;
  readonly #taken: Amount = { documents: 0, bytes: 0 };

  constructor(options: QuotaOptions) {
    this.#options = options;
  }

  open(): DocumentReservation {
    return new Reservation(this.#options, this.#taken);
  }
}

interface Amount {
  documents: number;
  bytes: number;
}

class Reservation implements DocumentReservation {
  readonly #options: QuotaOptions;
  /** Of all submissions. */
  readonly #taken: Amount;
  #documents = 0;
  #bytes = 0;

  constructor(options: QuotaOptions, taken: Amount) {
    this.#options = options;
    this.#taken = taken;
  }

  add(documents: number, bytes: number): void {
    const { dir, limit, used } = this.#options;
    const [quota, now] = [limit(), used()];
    const all = { documents: now.documents + this.#taken.documents, bytes: now.bytes + this.#taken.bytes };
    if (all.documents + documents <= quota.documents && all.bytes + bytes <= quota.bytes) {
      this.#change(documents, bytes);
      return;
    }
    // What this submission took does not wait.
    const count = all.documents - this.#documents;
    const waiting = all.bytes - this.#bytes;
    const key = 'the submission';
    throw coded('SPOOL-FULL', { dir, count, entries: quota.documents, bytes: waiting, limit: quota.bytes, key });
  }

  release(): void {
    this.#change(-this.#documents, -this.#bytes);
  }

  #change(documents: number, bytes: number): void {
    this.#documents += documents;
    this.#bytes += bytes;
    this.#taken.documents += documents;
    this.#taken.bytes += bytes;
  }
}
