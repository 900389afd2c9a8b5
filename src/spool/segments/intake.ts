// Accepts one submission: any number of documents of any size, all of them or none.
//
// Guarantees: if the source throws, the whole submission is refused. A submission of up to 1 MiB is kept in memory and
// shares a segment with others; a larger one is streamed to disk. A full spool refuses a small submission before a
// byte is written.

import { coded } from '#errors/coded-error.ts';
import { utcTime } from '#system/moment.ts';
import type { Appender, SealedSegment, SegmentSizes } from './appender.ts';
import type { SegmentFolder } from './folder.ts';
import { fixedId, type IdSequence } from './ids.ts';
import { type Committed, LargeSubmission } from './large-submission.ts';
import type { Leftovers } from './leftovers.ts';
import { BETWEEN, encodeDocument, isOneLine, LAST, MAX_DOCUMENT_BYTES } from './line.ts';
import type { Reservations } from './quota.ts';

/** Documents to accept. */
export interface Submission {
  /** One JSON text each, without a newline. A text may be overwritten once the next one is requested. */
  readonly documents: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /**
   * Set for something that may be handed in again after a crash, such as a file of the drop directory: its documents
   * then get the same ids again, so that a server can recognize them. `atMs` is its time, in ms since the epoch.
   */
  readonly identity?: { readonly key: string; readonly atMs: number };
}

/** What was accepted. */
export interface Accepted {
  readonly documents: number;
  /** As they will be sent. */
  readonly bytes: number;
}

export interface IntakePorts {
  readonly folder: SegmentFolder;
  readonly appender: Appender;
  readonly ids: IdSequence;
  readonly reservations: Reservations;
  readonly sizes: SegmentSizes;
  readonly leftovers: Leftovers;
  /** Called when a large submission was committed. */
  readonly onCommitted: (committed: Committed) => void;
}

/** Durable on return. @throws CodedError SPOOL-FULL, SPOOL-TOO-LARGE, DISK-FULL, FILE-*, and what the source throws */
export async function takeIn(ports: IntakePorts, submission: Submission, receivedAtMs: number): Promise<Accepted> {
  const room = ports.reservations.open();
  const lines = new Lines(submission, { ids: ports.ids, receivedAtMs });
  const memory: Uint8Array[] = [];
  let kept = 0;
  let large: LargeSubmission | null = null;
  try {
    for await (const document of submission.documents) {
      const line = lines.encode(document);
      const bytes = line.length + BETWEEN.length;
      if (large === null && kept + bytes <= ports.sizes.shared) {
        memory.push(line);
        kept += bytes;
        continue;
      }
      if (large === null) {
        room.add(memory.length, kept);
        large = new LargeSubmission({ ...ports, receivedAtMs });
        for (const one of memory.splice(0)) await large.add(one);
      }
      room.add(1, bytes);
      await large.add(line);
    }
    if (large !== null) {
      const committed = await large.commit();
      ports.onCommitted(committed);
      return sumOf(committed.segments);
    }
    return await takeInSmall(ports, memory, { receivedAtMs, room });
  } catch (thrown) {
    await large?.discard();
    throw thrown;
  } finally {
    room.release();
  }
}

async function takeInSmall(
  { appender }: IntakePorts,
  documents: readonly Uint8Array[],
  { receivedAtMs, room }: { receivedAtMs: number; room: ReturnType<Reservations['open']> },
): Promise<Accepted> {
  if (documents.length === 0) return { documents: 0, bytes: 0 };
  const lines = documents.flatMap((line, at) => [line, at === documents.length - 1 ? LAST : BETWEEN]);
  const bytes = lines.reduce((sum, { length }) => sum + length, 0);
  room.add(documents.length, bytes);
  await appender.append({ lines, bytes, documents: documents.length, receivedAtMs });
  return { documents: documents.length, bytes };
}

function sumOf(segments: readonly SealedSegment[]): Accepted {
  const sum = { documents: 0, bytes: 0 };
  for (const { documents, length } of segments) {
    sum.documents += documents;
    sum.bytes += length;
  }
  return sum;
}

/** Gives each document its id and its time. */
class Lines {
  readonly #nextId: () => string;
  readonly #receivedAt: string;
  #count = 0;

  constructor({ identity }: Submission, { ids, receivedAtMs }: { ids: IdSequence; receivedAtMs: number }) {
    this.#receivedAt = utcTime(receivedAtMs);
    this.#nextId = identity === undefined ? () => ids.next() : () => fixedId(identity.key, this.#count, identity.atMs);
  }

  encode(document: Uint8Array): Uint8Array {
    if (!isOneLine(document)) throw new TypeError('a document is one line of JSON');
    if (document.length > MAX_DOCUMENT_BYTES) {
      throw coded('SPOOL-TOO-LARGE', { key: 'A document', bytes: document.length, limit: MAX_DOCUMENT_BYTES });
    }
    const line = encodeDocument(document, { id: this.#nextId(), receivedAt: this.#receivedAt });
    this.#count += 1;
    return line;
  }
}
