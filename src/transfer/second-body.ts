// The body of the response to a second request for the same bytes. It is kept in memory until enough of it has arrived
// to replace the first response.

import type { BodySink } from '#http/exchange.ts';

/**
 * A second response wins with this many bytes. Proxies that trickle send a few bytes of each response at once, which does
 * not show that it is faster (bench/response-timeout).
 */
const ENOUGH_BYTES = 65_536;

/** Keeps the bytes until `isDecided` or until there are enough, then writes them and all others to the sink of `wins`. */
export class SecondBody implements BodySink {
  readonly #enough: number;
  readonly #isDecided: () => boolean;
  readonly #wins: () => BodySink;
  #kept: Uint8Array[] = [];
  #bytes = 0;
  #sink: BodySink | null = null;

  /** `length`: bytes of the body; null if they are unknown, so that the first byte is enough. */
  constructor(length: number | null, ports: { isDecided(): boolean; wins(): BodySink }) {
    this.#enough = Math.min(ENOUGH_BYTES, length ?? 1);
    this.#isDecided = () => ports.isDecided();
    this.#wins = () => ports.wins();
  }

  write(chunk: Uint8Array): void {
    if (this.#sink !== null) {
      this.#sink.write(chunk);
      return;
    }
    this.#bytes += chunk.length;
    // The chunk is valid only during this call.
    this.#kept.push(Uint8Array.from(chunk));
    if (this.#bytes < this.#enough && !this.#isDecided()) return;
    const sink = this.#wins();
    this.#sink = sink;
    for (const kept of this.#kept) sink.write(kept);
    this.#kept = [];
  }
}
