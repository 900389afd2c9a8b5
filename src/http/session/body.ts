// The body of a request that is too large for memory: its length, and a way to read it from any offset.
//
// Guarantees: exactly `length` bytes are sent, or the request fails; whatever `open` holds (a file) is let go of in
// every case, also while the connection takes nothing. Relies on the chunks staying as they are until they are sent.

import { asCoded, coded } from '#errors/coded-error.ts';

/** What a request carries. It may be opened again, for another attempt. */
export interface RequestBody {
  readonly length: number;
  /** The bytes from `offset` to the end. A chunk must not be changed after it was handed out. */
  open(offset: number): AsyncIterable<Uint8Array>;
}

/** Larger chunks would be seen as sent only when their last byte is; this is also a record of TLS. */
const CHUNK_BYTES = 16_384;

/** One reading of a body, for one attempt. */
export class BodyReading implements AsyncIterable<Uint8Array> {
  readonly #length: number;
  readonly #source: AsyncIterator<Uint8Array>;
  #bytes = 0;

  constructor(body: RequestBody) {
    this.#length = body.length;
    this.#source = body.open(0)[Symbol.asyncIterator]();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const { done, value } = await this.#read();
      if (done === true) break;
      this.#bytes += value.length;
      if (this.#bytes > this.#length) throw this.#wrongLength();
      for (let at = 0; at < value.length; at += CHUNK_BYTES) yield value.subarray(at, at + CHUNK_BYTES);
    }
    if (this.#bytes !== this.#length) throw this.#wrongLength();
  }

  /** What the source fails with is no failure of the connection, whatever its code. */
  async #read(): Promise<IteratorResult<Uint8Array, unknown>> {
    try {
      return await this.#source.next();
    } catch (thrown) {
      throw asCoded(thrown);
    }
  }

  /** Ends the reading, also where the next chunk is not requested. */
  close(): void {
    // No caller is left for what the source throws at its end.
    this.#source.return?.().then(undefined, () => undefined);
  }

  #wrongLength() {
    return coded('INTERNAL', { reason: `a body of ${this.#length} bytes turned out to have ${this.#bytes}` });
  }
}
