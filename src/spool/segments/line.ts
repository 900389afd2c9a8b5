// The lines of a segment: how a document is written, and where the acknowledged lines end after a crash. Pure.
//
// A line is sent exactly as stored: `{"id":"...","received_at":"...","document":...}`. The last line of a submission
// has a space before the newline, which JSON ignores (RFC 8259, section 2). A submission that a crash cut off can
// therefore be recognized without a second file and a second fsync.

import { utcTime } from '#system/moment.ts';

/** Longest document in bytes. A segment holds at least one document. */
export const MAX_DOCUMENT_BYTES = 8 * 1_048_576;

export const NEWLINE = 0x0a;
export const SPACE = 0x20;
export const CLOSE = 0x7d;
const START = Buffer.from('{"id":"');
/** Where the id begins in a line. */
export const ID_AT = START.length;
const ID_LENGTH = 36;

/** What precedes a document in its line, with zeros for the id. @param receivedAtMs ms since the epoch */
export function lineHead(receivedAtMs: number): Buffer {
  const head = `${START.toString()}${'0'.repeat(ID_LENGTH)}","received_at":"${utcTime(receivedAtMs)}","document":`;
  return Buffer.from(head, 'latin1');
}

/** The id in a line. */
export function idOfLine(line: Uint8Array): string {
  return Buffer.from(line.buffer, line.byteOffset + START.length, ID_LENGTH).toString('latin1');
}

/** Whether a document between two offsets can be a line: NDJSON has no newline within one. */
export function isOneLine(bytes: Buffer, from: number, to: number): boolean {
  const newline = bytes.indexOf(NEWLINE, from);
  return from < to && (newline === -1 || newline >= to);
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
