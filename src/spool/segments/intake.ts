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
import { BETWEEN, isOneLine, LAST, LineEncoder, MAX_DOCUMENT_BYTES } from './line.ts';
import type { DocumentReservation, Reservations } from './quota.ts';

/** Documents to accept. */
export interface Submission {
  /**
   * One JSON text each, without a newline; from an asynchronous source in groups. A group, or a text of no group, may be
   * overwritten once the next one is requested.
   */
  readonly documents: AsyncIterable<Iterable<Uint8Array>> | Iterable<Uint8Array>;
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
  const taken = new Taken(ports, { receivedAtMs, room });
  const lines = new Lines(submission, { ids: ports.ids, receivedAtMs });
  try {
    for await (const group of groupsOf(submission)) {
      for (const document of group) {
        const line = lines.encode(document);
        // Most lines need no wait, and a wait for each would cost more than the line.
        if (!taken.put(line)) await taken.add(line);
      }
    }
    return await taken.commit();
  } catch (thrown) {
    await taken.discard();
    throw thrown;
  } finally {
    room.release();
  }
}

function groupsOf({ documents }: Submission): AsyncIterable<Iterable<Uint8Array>> | Iterable<Iterable<Uint8Array>> {
  return Symbol.asyncIterator in documents ? documents : [documents];
}

/** The lines of one submission: in memory as long as they are few, then on disk. */
class Taken {
  readonly #ports: IntakePorts;
  readonly #context: { readonly receivedAtMs: number; readonly room: DocumentReservation };
  #memory: Uint8Array[] = [];
  #kept = 0;
  #large: LargeSubmission | null = null;

  constructor(ports: IntakePorts, context: { readonly receivedAtMs: number; readonly room: DocumentReservation }) {
    this.#ports = ports;
    this.#context = context;
  }

  /** Takes a line that fits into memory or into the open segment; false if `add` must take it. @throws as `takeIn` */
  put(line: Uint8Array): boolean {
    const bytes = line.length + BETWEEN.length;
    if (this.#large === null) {
      if (this.#kept + bytes > this.#ports.sizes.shared) return false;
      this.#memory.push(Buffer.from(line));
      this.#kept += bytes;
      return true;
    }
    if (!this.#large.hasPlaceFor(line)) return false;
    this.#context.room.add(1, bytes);
    this.#large.put(line);
    return true;
  }

  async add(line: Uint8Array): Promise<void> {
    const { receivedAtMs, room } = this.#context;
    if (this.#large === null) {
      room.add(this.#memory.length, this.#kept);
      this.#large = new LargeSubmission({ ...this.#ports, receivedAtMs });
      for (const one of this.#memory.splice(0)) await this.#large.add(one);
    }
    room.add(1, line.length + BETWEEN.length);
    await this.#large.add(line);
  }

  async commit(): Promise<Accepted> {
    if (this.#large === null) return await takeInSmall(this.#ports, this.#memory, this.#context);
    const committed = await this.#large.commit();
    this.#ports.onCommitted(committed);
    return sumOf(committed.segments);
  }

  async discard(): Promise<void> {
    await this.#large?.discard();
  }
}

async function takeInSmall(
  { appender }: IntakePorts,
  documents: readonly Uint8Array[],
  { receivedAtMs, room }: { receivedAtMs: number; room: DocumentReservation },
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
  readonly #encoder: LineEncoder;
  #count = 0;

  constructor({ identity }: Submission, { ids, receivedAtMs }: { ids: IdSequence; receivedAtMs: number }) {
    this.#encoder = new LineEncoder(utcTime(receivedAtMs));
    this.#nextId = identity === undefined ? () => ids.next() : () => fixedId(identity.key, this.#count, identity.atMs);
  }

  /** The line without its end. It is valid until the next call. */
  encode(document: Uint8Array): Uint8Array {
    if (!isOneLine(document)) throw new TypeError('a document is one line of JSON');
    if (document.length > MAX_DOCUMENT_BYTES) {
      throw coded('SPOOL-TOO-LARGE', { key: 'A document', bytes: document.length, limit: MAX_DOCUMENT_BYTES });
    }
    const line = this.#encoder.encode(document, this.#nextId());
    this.#count += 1;
    return line;
  }
}
