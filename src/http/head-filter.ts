// A stream over a lane's socket for clients that read response heads with a strict parser of their own (undici).
//
// Guarantees: what is written goes through as it is; response heads come out as the head reader brings them into form,
// and everything behind the final head as it came. The end of the socket is its end, a broken socket breaks it, and
// destroying it destroys the socket.

import { Duplex } from 'node:stream';
import { HeadReader } from '#proxy/head-reader.ts';

/** One answer. `onRefused` hears why a head is refused; nothing comes out then. */
export class HeadFilter extends Duplex {
  readonly #under: Duplex;
  readonly #onRefused: (reason: string) => void;
  readonly #heads = new HeadReader({ toConnect: false });

  constructor(under: Duplex, onRefused: (reason: string) => void) {
    super({ allowHalfOpen: true });
    this.#under = under;
    this.#onRefused = onRefused;
    under.on('data', this.#onBytes);
    under.on('end', () => this.push(null));
    under.on('error', (error) => this.destroy(error));
    under.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#under.resume();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#under.write(chunk, done);
  }

  override _final(done: () => void): void {
    this.#under.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#under.off('data', this.#onBytes);
    this.#under.destroy();
    done(error);
  }

  readonly #onBytes = (chunk: Buffer): void => {
    const { bytes, refused } = this.#heads.readThrough(chunk);
    if (refused !== null) this.#onRefused(refused);
    else if (bytes.length > 0 && !this.push(bytes)) this.#under.pause();
  };
}
