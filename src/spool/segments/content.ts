// Reads ranges of segments: the body of a request, its lines, its digest, and where to split it.
//
// Guarantees: a reader needs only one buffer, even for a long range. A range is compared with its digest before it is
// sent. A difference is a result, not an error.

import { asCoded } from '#errors/coded-error.ts';
import { type AttachmentBody, type AttachmentSource, slices } from '#spool/attachment.ts';
import type { SplitPart } from '#spool/entry.ts';
import { hashRange } from '#system/digest.ts';
import type { OpenFile } from '#system/files.ts';
import { isAboutContent } from '#system/state-file.ts';
import type { SegmentFolder } from './folder.ts';
import { idOfLine } from './line.ts';
import { type BatchLimits, type BatchRange, partKey } from './range.ts';

/**
 * Parts of one split. Its record must fit into a head, and each part takes a file. What remains is one more part, which
 * is cut when its turn comes.
 */
const MAX_PARTS = 64;
const NEWLINE = 0x0a;

/** One line of a range. It is valid until the next one is requested. */
export interface StoredDocument {
  readonly id: string;
  /** Without its newline. */
  readonly line: Uint8Array;
}

/** A range as the body of a request, from any offset, any number of times. */
export function rangeBody(folder: SegmentFolder, range: BatchRange): AttachmentBody {
  const { segment, offset: start, length, sha256 } = range;
  const open = () => folder.openToRead(segment);
  return { length, sha256, open: (offset) => slices(open, { from: start + offset, to: start + length }) };
}

/** Why a range cannot be sent; null when its bytes are those that were accepted. @throws CodedError FILE-* */
export async function checkRange(
  folder: SegmentFolder,
  range: BatchRange,
  signal: AbortSignal,
): Promise<string | null> {
  let file: OpenFile;
  try {
    file = await folder.openToRead(range.segment);
  } catch (thrown) {
    return describeLoss(thrown);
  }
  try {
    const { size } = file.facts();
    const to = range.offset + range.length;
    if (size < to) return `its segment has ${size} bytes and must have at least ${to}`;
    const hash = await hashRange(file, { from: range.offset, to }, signal);
    return hash.digest('hex') === range.sha256
      ? null
      : 'its documents have another digest than when they were accepted';
  } catch (thrown) {
    signal.throwIfAborted();
    return describeLoss(thrown);
  } finally {
    await file.close();
  }
}

/** @throws what was thrown, if it says nothing about the content */
function describeLoss(thrown: unknown): string {
  const error = asCoded(thrown);
  if (error.facts['errno'] === 'ENOENT') return 'its segment is missing';
  if (!isAboutContent(error)) throw error;
  return error.safeText;
}

/** The documents of a range, one at a time. @throws CodedError FILE-* */
export async function* linesOf(
  folder: SegmentFolder,
  range: BatchRange,
): AsyncGenerator<StoredDocument, void, undefined> {
  let begun: Uint8Array[] = [];
  for await (const slice of rangeBody(folder, range).open(0)) {
    let from = 0;
    for (let at = slice.indexOf(NEWLINE); at >= 0; at = slice.indexOf(NEWLINE, from)) {
      const rest = slice.subarray(from, at);
      const line = begun.length === 0 ? rest : Buffer.concat([...begun, rest]);
      yield { id: idOfLine(line), line };
      begun = [];
      from = at + 1;
    }
    // The next slice uses the same buffer.
    if (from < slice.length) begun.push(Uint8Array.from(slice.subarray(from)));
  }
}

/**
 * The documents of a range that a server refused, as NDJSON for `rejected/`:
 * `{"id":"...","reason":"...","line":{...}}`.
 */
export function evidenceOf(
  folder: SegmentFolder,
  range: BatchRange,
  reasons: ReadonlyMap<string, string>,
): AttachmentSource {
  return {
    async *open() {
      for await (const { id, line } of linesOf(folder, range)) {
        const reason = reasons.get(id);
        if (reason === undefined) continue;
        const head = `{"id":"${id}","reason":${JSON.stringify(reason)},"line":`;
        yield Buffer.concat([Buffer.from(head), line, Buffer.from('}\n')]);
      }
    },
  };
}

/** A part of a range before its digest is known. */
interface Piece {
  readonly offset: number;
  readonly length: number;
  readonly documents: number;
}

/**
 * Cuts a range into parts that keep the limits, at most 64. If there are more, the last part is what remains.
 * @throws CodedError FILE-*
 */
export async function cutRange(
  folder: SegmentFolder,
  range: BatchRange,
  limits: BatchLimits,
): Promise<readonly SplitPart<BatchRange>[]> {
  const pieces = new Pieces(range, limits);
  for await (const slice of rangeBody(folder, range).open(0)) pieces.take(slice);
  const parts: SplitPart<BatchRange>[] = [];
  const file = await folder.openToRead(range.segment);
  try {
    for (const piece of pieces.end()) {
      const { offset, length } = piece;
      const hash = await hashRange(file, { from: offset, to: offset + length }, new AbortController().signal);
      const body = { segment: range.segment, ...piece, sha256: hash.digest('hex') };
      parts.push({ key: partKey(body), body });
    }
  } finally {
    await file.close();
  }
  return parts;
}

/** Finds the borders of parts in bytes that arrive in slices. */
class Pieces {
  readonly #range: BatchRange;
  readonly #limits: BatchLimits;
  readonly #pieces: Piece[] = [];
  /** All offsets are from the start of the segment. */
  #position: number;
  #pieceStart: number;
  /** End of the last complete line. */
  #lineStart: number;
  #documents = 0;

  constructor(range: BatchRange, limits: BatchLimits) {
    this.#range = range;
    this.#limits = limits;
    this.#position = range.offset;
    this.#pieceStart = range.offset;
    this.#lineStart = range.offset;
  }

  take(slice: Uint8Array): void {
    for (let at = slice.indexOf(NEWLINE); at >= 0; at = slice.indexOf(NEWLINE, at + 1)) {
      this.#endLine(this.#position + at + 1);
    }
    this.#position += slice.length;
  }

  #endLine(end: number): void {
    const { documents, bytes } = this.#limits;
    const isFull = this.#documents >= documents || end - this.#pieceStart > bytes;
    if (isFull && this.#documents > 0 && this.#pieces.length < MAX_PARTS - 1) this.#close(this.#lineStart);
    this.#documents += 1;
    this.#lineStart = end;
  }

  #close(end: number): void {
    this.#pieces.push({ offset: this.#pieceStart, length: end - this.#pieceStart, documents: this.#documents });
    this.#pieceStart = end;
    this.#documents = 0;
  }

  end(): readonly Piece[] {
    const end = this.#range.offset + this.#range.length;
    if (this.#pieceStart < end) this.#close(end);
    return this.#pieces;
  }
}
