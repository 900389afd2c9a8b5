// The body of a request that is too large for memory: its length, and a function that reads it from any offset.
//
// Guarantees: exactly `length` bytes are sent, or the request fails. The source is always closed, even if the
// connection accepts no more data. The next chunk is requested only when the kernel has taken the previous one, so a
// source can read a file of any size through one buffer.

import { asCoded, coded } from '#errors/coded-error.ts';

/** What a request carries. It may be opened again, for another attempt. */
export interface RequestBody {
  readonly length: number;
  /** SHA-256 of the whole body, if it is known before it is read: a signature then covers it. */
  readonly digest?: Uint8Array;
  /** The bytes from `offset` to the end. A chunk is valid until the next one is requested. */
  open(offset: number): AsyncIterable<Uint8Array>;
}

/** A larger chunk would be reported as sent only once its last byte is; this is also the size of a TLS record. */
const CHUNK_BYTES = 16_384;

/** One reading of a body, for one attempt. */
export class BodyReading implements AsyncIterable<Uint8Array> {
  readonly #length: number;
  readonly #source: AsyncIterator<Uint8Array>;
  readonly #flushed: () => Promise<void>;
  #bytes = 0;

  /** `flushed` resolves when no chunk that was handed out is in use any more. */
  constructor(body: RequestBody, flushed: () => Promise<void>) {
    this.#length = body.length;
    this.#flushed = flushed;
    this.#source = body.open(0)[Symbol.asyncIterator]();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for (;;) {
      const { done, value } = await this.#read();
      if (done === true) break;
      this.#bytes += value.length;
      if (this.#bytes > this.#length) throw this.#wrongLength();
      for (let at = 0; at < value.length; at += CHUNK_BYTES) yield value.subarray(at, at + CHUNK_BYTES);
      await this.#flushed();
    }
    if (this.#bytes !== this.#length) throw this.#wrongLength();
  }

  /** An error of the source is not a failure of the connection, whatever its code. */
  async #read(): Promise<IteratorResult<Uint8Array, unknown>> {
    try {
      return await this.#source.next();
    } catch (thrown) {
      throw asCoded(thrown);
    }
  }

  /** Ends the reading, even if the next chunk is never requested. */
  close(): void {
    // An error of the source during the close has no caller that could receive it.
    this.#source.return?.().then(undefined, () => undefined);
  }

  #wrongLength() {
    return coded('INTERNAL', { reason: `a body of ${this.#length} bytes turned out to have ${this.#bytes}` });
  }
}
