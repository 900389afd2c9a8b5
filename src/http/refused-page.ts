// Reads the page that comes with a refusal of the proxy or the server, for details that the head does not have.
//
// Guarantees: keeps at most PAGE_BYTES and waits at most PAGE_WAIT_MS. The refusal remains the failure, whatever the
// page contains. `end` leaves no timer running.

import type { CodedError } from '#errors/coded-error.ts';
import type { Connection, ResponseHead } from '#proxy/route.ts';
import type { Clock, Timer } from '#system/clock.ts';
import { contentBlocked, PAGE_WAIT_MS, REFUSAL_PAGE_BYTES, withTitle } from './refusal-page.ts';

export class RefusedPage {
  readonly #connection: Connection;
  readonly #url: URL;
  readonly #clock: Clock;
  #refused: { readonly error: CodedError; readonly head: ResponseHead } | null = null;
  #page: Uint8Array = new Uint8Array();
  #timer: Timer | null = null;

  constructor(about: { readonly connection: Connection; readonly url: URL; readonly clock: Clock }) {
    this.#connection = about.connection;
    this.#url = about.url;
    this.#clock = about.clock;
  }

  /** The refusal whose page is being read; null without one. */
  get refusal(): CodedError | null {
    return this.#refused?.error ?? null;
  }

  /**
   * Starts reading. Returns false if the page can add nothing. `late` is called when the page does not arrive in time.
   */
  begin(head: ResponseHead, error: CodedError, late: () => void): boolean {
    if (head.status < 400 || error.facts['said'] === undefined) return false;
    this.#refused = { error, head };
    this.limit(late);
    return true;
  }

  /** Limits the wait for the page of any error. */
  limit(late: () => void): void {
    this.#timer = this.#clock.after(PAGE_WAIT_MS, late);
  }

  /** Returns true when enough of the page has arrived. */
  take(chunk: Uint8Array): boolean {
    this.#page = Buffer.concat([this.#page, chunk.subarray(0, REFUSAL_PAGE_BYTES - this.#page.length)]);
    return this.#page.length >= REFUSAL_PAGE_BYTES;
  }

  /** The failure, or the refusal whose page was being read. */
  shown(error: CodedError): CodedError {
    if (this.#refused === null) return error;
    const { hop, proxy } = this.#connection.facts;
    const { head, error: refusal } = this.#refused;
    return contentBlocked(head, this.#page, { url: this.#url, hop, proxy }) ?? withTitle(refusal, this.#page);
  }

  end(): void {
    this.#timer?.cancel();
  }
}
