// The lines of a segment: how a document is written, and where the acknowledged lines end after a crash. Pure.
//
// A line is sent exactly as stored: `{"id":"...","received_at":"...","document":...}`. The last line of a submission
// ends with a space before the newline, which JSON ignores (RFC 8259, section 2). A submission that a crash cut off can
// therefore be distinguished from a complete one, without a second file and a second fsync.

/** Longest document in bytes. A segment holds at least one document. */
export const MAX_DOCUMENT_BYTES = 8 * 1_048_576;

const NEWLINE = 0x0a;
const SPACE = 0x20;
const CLOSE = 0x7d;
const START = Buffer.from('{"id":"');
/** Between two documents of a submission. */
export const BETWEEN = Buffer.from('}\n');
/** After the last document of a submission. */
export const LAST = Buffer.from('} \n');
const ID_LENGTH = 36;

/** Most documents fit into this with what precedes them. */
const LINE_BYTES = 4_096;

/** Encodes the documents of one submission, all in one buffer. */
export class LineEncoder {
  readonly #headLength: number;
  #buffer: Buffer;

  /** @param receivedAt in RFC 3339 */
  constructor(receivedAt: string) {
    const head = `${START.toString()}${'0'.repeat(ID_LENGTH)}","received_at":"${receivedAt}","document":`;
    this.#headLength = head.length;
    this.#buffer = Buffer.alloc(LINE_BYTES);
    this.#buffer.write(head, 'latin1');
  }

  /** A document as a line without its end: `BETWEEN` or `LAST` follows. It is valid until the next call. */
  encode(document: Uint8Array, id: string): Uint8Array {
    const length = this.#headLength + document.length;
    if (length > this.#buffer.length) {
      this.#buffer = Buffer.concat([this.#buffer.subarray(0, this.#headLength)], 2 * length);
    }
    this.#buffer.write(id, START.length, 'latin1');
    this.#buffer.set(document, this.#headLength);
    return this.#buffer.subarray(0, length);
  }
}

/** The id in a line. */
export function idOfLine(line: Uint8Array): string {
  return Buffer.from(line.buffer, line.byteOffset + START.length, ID_LENGTH).toString('latin1');
}

/** Whether a document can be a line: NDJSON has no newline within one. */
export function isOneLine(document: Uint8Array): boolean {
  return document.length > 0 && document.indexOf(NEWLINE) < 0;
}

/** The result of scanning a segment. */
export interface Scanned {
  /** End of the last complete submission. */
  readonly length: number;
  /** Documents up to there. */
  readonly documents: number;
  /** A complete submission follows after bytes that are none: the bytes in between were changed. */
  readonly isDamaged: boolean;
}

/** Finds the end of the last complete submission in bytes that arrive in chunks. */
export class SegmentScan {
  #position = 0;
  #column = 0;
  #before = 0;
  #last = 0;
  /** False as soon as a byte cannot be part of a line. */
  #isLine = true;
  #isBroken = false;
  #documents = 0;
  #complete = { length: 0, documents: 0 };
  #isDamaged = false;

  take(chunk: Uint8Array): void {
    for (const byte of chunk) {
      this.#position += 1;
      if (byte === NEWLINE) this.#endLine();
      else {
        // Blocks that a power cut lost are zeros, which JSON never contains.
        if (byte === 0 || (this.#column < START.length && byte !== START[this.#column])) this.#isLine = false;
        this.#before = this.#last;
        this.#last = byte;
        this.#column += 1;
      }
    }
  }

  end(): Scanned {
    return { ...this.#complete, isDamaged: this.#isDamaged };
  }

  #endLine(): void {
    const isFinal = this.#last === SPACE && this.#before === CLOSE;
    const isLine = this.#isLine && this.#column > START.length && (isFinal || this.#last === CLOSE);
    this.#documents += 1;
    if (!isLine) this.#isBroken = true;
    else if (isFinal && this.#isBroken) this.#isDamaged = true;
    else if (isFinal) this.#complete = { length: this.#position, documents: this.#documents };
    this.#column = 0;
    this.#isLine = true;
    this.#last = 0;
    this.#before = 0;
  }
}
