// Collects the lines of one submission in one buffer. Each document is copied there once, after its id and its time.
//
// Guarantees: there is no allocation for each document. A submission may have 100,000 of them, and objects for each
// would cost more than all other work. Pure, except for the buffer.

import { coded } from '#errors/coded-error.ts';
import { CLOSE, ID_AT, isOneLine, lineHead, MAX_DOCUMENT_BYTES, NEWLINE, SPACE } from './line.ts';

/** Documents in bytes that they share. */
export interface PackedDocuments {
  readonly bytes: Buffer;
  /** Where each document begins and ends: from, to, from, to. Ascending. */
  readonly places: readonly number[];
}

/** Writes an id of 36 bytes at an offset. */
export type PutId = (target: Buffer, at: number) => void;

/** `}` and a newline. */
const END_BYTES = 2;
/** The last line has a space more. */
export const LAST_BYTES = 1;
const NOTHING: Buffer = Buffer.alloc(0);

/** Each document as a group of its own. */
export function* packEach(documents: Iterable<Uint8Array>): Generator<PackedDocuments, void, undefined> {
  for (const document of documents) {
    const { buffer, byteOffset, length } = document;
    yield {
      bytes: Buffer.isBuffer(document) ? document : Buffer.from(buffer, byteOffset, length),
      places: [0, length],
    };
  }
}

/** The beginning of a line for a time, which many submissions share. */
export class LineHeads {
  #head = NOTHING;
  #atMs = Number.NaN;

  /** @param receivedAtMs ms since the epoch */
  of(receivedAtMs: number): Buffer {
    if (receivedAtMs !== this.#atMs) this.#head = lineHead(receivedAtMs);
    this.#atMs = receivedAtMs;
    return this.#head;
  }
}

/** Lines that are complete. */
export class LineBuffer {
  readonly #head: Buffer;
  readonly #putId: PutId;
  #buffer = NOTHING;
  #used = 0;

  /** @param head of `lineHead` */
  constructor(head: Buffer, putId: PutId) {
    this.#head = head;
    this.#putId = putId;
  }

  /** In bytes. */
  get length(): number {
    return this.#used;
  }

  /** Valid until `clear`. */
  get bytes(): Buffer {
    return this.#used === this.#buffer.length ? this.#buffer : this.#buffer.subarray(0, this.#used);
  }

  clear(): void {
    this.#used = 0;
  }

  /** Bytes of the line for a document of this length. */
  sizeOf(length: number): number {
    return this.#head.length + length + END_BYTES;
  }

  /**
   * Bytes of the lines for these documents.
   * @throws CodedError SPOOL-TOO-LARGE; TypeError for a document with a newline, or without content
   */
  measure({ bytes, places }: PackedDocuments): number {
    let size = 0;
    for (let at = 0; at < places.length; at += 2) {
      const [from, to] = [places[at] ?? 0, places[at + 1] ?? 0];
      const length = to - from;
      if (!isOneLine(bytes, from, to)) throw new TypeError('a document is one line of JSON');
      if (length > MAX_DOCUMENT_BYTES) {
        throw coded('SPOOL-TOO-LARGE', { key: 'A document', bytes: length, limit: MAX_DOCUMENT_BYTES });
      }
      size += this.sizeOf(length);
    }
    return size;
  }

  /** Makes space for more bytes, and for `end`. */
  reserve(size: number): void {
    const needed = this.#used + size + LAST_BYTES;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(this.#used === 0 ? needed : Math.max(needed, 2 * this.#buffer.length));
    this.#buffer.copy(larger, 0, 0, this.#used);
    this.#buffer = larger;
  }

  /** Whether there is space for more bytes, and for `end`. */
  hasSpaceFor(size: number): boolean {
    return this.#used + size + LAST_BYTES <= this.#buffer.length;
  }

  /** Adds the line of a document, for which there must be space. */
  put(bytes: Buffer, from: number, to: number): void {
    this.#head.copy(this.#buffer, this.#used);
    this.#putId(this.#buffer, this.#used + ID_AT);
    const at = this.#used + this.#head.length;
    bytes.copy(this.#buffer, at, from, to);
    const end = at + to - from;
    this.#buffer[end] = CLOSE;
    this.#buffer[end + 1] = NEWLINE;
    this.#used = end + END_BYTES;
  }

  /** Marks the last line as the end of a submission. */
  end(): void {
    this.#buffer[this.#used - 1] = SPACE;
    this.#buffer[this.#used] = NEWLINE;
    this.#used += LAST_BYTES;
  }
}
