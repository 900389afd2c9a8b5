// A stream between the socket of a connection and a client whose own parser of response heads is too strict (undici).
//
// Guarantees: writes are not changed. Response heads come out as the head reader normalizes them, and everything after
// the final head comes out unchanged. The end or an error of the socket ends or breaks the stream, and destroying the
// stream destroys the socket. If bytes arrive between two responses, the connection ends, so they are never taken for
// the next response.

import { Duplex } from 'node:stream';
import { HeadReader } from '#proxy/opening/head-reader.ts';

/** Reads consecutive responses. `onRefused` receives the reason if a head is refused; then no bytes come out. */
export class HeadFilter extends Duplex {
  readonly #under: Duplex;
  readonly #onRefused: (reason: string) => void;
  /** Null between two responses. */
  #heads: HeadReader | null = new HeadReader({ toConnect: false });
  #written = 0;
  #taken = 0;
  #received = 0;
  /** Called when the kernel has accepted everything, or the stream is destroyed. */
  #onFlushed: (() => void) | null = null;

  constructor(under: Duplex, onRefused: (reason: string) => void) {
    super({ allowHalfOpen: true });
    this.#under = under;
    this.#onRefused = onRefused;
    under.on('data', this.#onBytes);
    under.on('end', () => this.push(null));
    under.on('error', (error) => this.destroy(error));
    under.on('close', () => this.destroy());
  }

  /** Bytes of this request that were written, and the number of them that the kernel has accepted. */
  get sent(): { readonly written: number; readonly taken: number } {
    return { written: this.#written, taken: this.#taken };
  }

  /** Bytes received since the request began. */
  get received(): number {
    return this.#received;
  }

  /**
   * Resolves when the kernel has accepted everything that was written, or the stream is destroyed. One caller at a
   * time.
   */
  async flushed(): Promise<void> {
    if (this.writableLength === 0 || this.destroyed) return;
    await new Promise<void>((resolve) => {
      this.#onFlushed = resolve;
    });
  }

  /** Another request begins: the next bytes belong to its response. */
  begin(): void {
    this.#heads ??= new HeadReader({ toConnect: false });
    this.#written = 0;
    this.#taken = 0;
  }

  /** The response is complete. */
  rest(): void {
    this.#heads = null;
    this.#received = 0;
  }

  override _read(): void {
    this.#under.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#written += chunk.length;
    this.#under.write(chunk, (error) => {
      if (error == null) this.#taken += chunk.length;
      done(error);
      if (this.writableLength === 0) this.#notifyFlushed();
    });
  }

  override _final(done: () => void): void {
    this.#under.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#under.off('data', this.#onBytes);
    this.#under.destroy();
    this.#notifyFlushed();
    done(error);
  }

  #notifyFlushed(): void {
    this.#onFlushed?.();
    this.#onFlushed = null;
  }

  readonly #onBytes = (chunk: Buffer): void => {
    this.#received += chunk.length;
    if (this.#heads === null) {
      this.destroy();
      return;
    }
    const { bytes, refused } = this.#heads.readThrough(chunk);
    if (refused !== null) this.#onRefused(refused);
    else if (bytes.length > 0 && !this.push(bytes)) this.#under.pause();
  };
}
