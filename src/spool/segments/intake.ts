// Accepts one submission: any number of documents of any size, all of them or none.
//
// Guarantees: if the source throws, the whole submission is refused. A submission of up to 1 MiB is kept in memory and
// shares a segment with others; a larger one is streamed to disk. If the spool is full, a small submission is refused
// before a byte is written.

import type { Appender, SealedSegment, SegmentSizes } from './appender.ts';
import type { SegmentFolder } from './folder.ts';
import { fixedId, type IdSequence } from './ids.ts';
import { type Committed, LargeSubmission } from './large-submission.ts';
import type { Leftovers } from './leftovers.ts';
import { LineBuffer, type LineHeads, type PackedDocuments, type PutId, packEach } from './line-buffer.ts';
import type { DocumentReservation, Reservations } from './quota.ts';

/** Documents to accept. */
export interface Submission {
  /**
   * One JSON text each, without a newline; from an asynchronous source in groups. A group, or a text of no group, may be
   * overwritten once the next one is requested.
   */
  readonly documents: AsyncIterable<PackedDocuments> | Iterable<Uint8Array>;
  /**
   * Set for a source that may be submitted again after a crash, such as a file of the drop directory. Its documents
   * then get the same ids, so that a server recognizes them. `atMs` is its time, in ms since the epoch.
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
  readonly heads: LineHeads;
  readonly reservations: Reservations;
  readonly sizes: SegmentSizes;
  readonly leftovers: Leftovers;
  /** Called when a large submission was committed. */
  readonly onCommitted: (committed: Committed) => void;
}

/** Durable on return. @throws CodedError SPOOL-FULL, SPOOL-TOO-LARGE, DISK-FULL, FILE-*, and what the source throws */
export async function takeIn(ports: IntakePorts, submission: Submission, receivedAtMs: number): Promise<Accepted> {
  const room = ports.reservations.open();
  const lines = new LineBuffer(ports.heads.of(receivedAtMs), idsOf(submission, ports));
  const taken = new Taken(ports, { lines, receivedAtMs, room });
  try {
    const { documents } = submission;
    if (Symbol.asyncIterator in documents) for await (const group of documents) await taken.take(group);
    else {
      for (const group of packEach(documents)) {
        const wait = taken.take(group);
        // A wait costs more than a line, and there may be 1,000 small submissions at once.
        if (wait !== null) await wait;
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

function idsOf({ identity }: Submission, { ids }: IntakePorts): PutId {
  if (identity === undefined) return ids.put;
  let count = 0;
  return (target, at) => {
    target.write(fixedId(identity.key, count, identity.atMs), at, 'latin1');
    count += 1;
  };
}

interface TakenOptions {
  readonly lines: LineBuffer;
  readonly receivedAtMs: number;
  readonly room: DocumentReservation;
}

/** The lines of one submission: in memory as long as they are few, then on disk. */
class Taken {
  readonly #ports: IntakePorts;
  readonly #options: TakenOptions;
  /** In memory. */
  #documents = 0;
  #large: LargeSubmission | null = null;

  constructor(ports: IntakePorts, options: TakenOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Null if they are taken already. @throws as `takeIn` */
  take(group: PackedDocuments): Promise<void> | null {
    const { lines } = this.#options;
    const size = lines.measure(group);
    if (this.#large !== null || lines.length + size > this.#ports.sizes.shared) return this.#add(group, size);
    lines.reserve(size);
    const { bytes, places } = group;
    for (let at = 0; at < places.length; at += 2) lines.put(bytes, places[at] ?? 0, places[at + 1] ?? 0);
    this.#documents += places.length / 2;
    return null;
  }

  async #add(group: PackedDocuments, size: number): Promise<void> {
    this.#large ??= await this.#enlarge();
    this.#options.room.add(group.places.length / 2, size);
    await this.#large.add(group);
  }

  async #enlarge(): Promise<LargeSubmission> {
    const { lines, receivedAtMs, room } = this.#options;
    room.add(this.#documents, lines.length);
    const large = new LargeSubmission({ ...this.#ports, receivedAtMs, lines });
    // Known before its first operation, so that `discard` reaches it.
    this.#large = large;
    await large.begin(this.#documents);
    return large;
  }

  commit(): Promise<Accepted> {
    return this.#large === null ? this.#commitSmall() : this.#commitLarge(this.#large);
  }

  async #commitLarge(large: LargeSubmission): Promise<Accepted> {
    const committed = await large.commit();
    this.#ports.onCommitted(committed);
    return sumOf(committed.segments);
  }

  async #commitSmall(): Promise<Accepted> {
    const { lines, receivedAtMs, room } = this.#options;
    const documents = this.#documents;
    if (documents === 0) return { documents: 0, bytes: 0 };
    lines.end();
    const { bytes } = lines;
    room.add(documents, bytes.length);
    await this.#ports.appender.append({ bytes, documents, receivedAtMs });
    return { documents, bytes: bytes.length };
  }

  async discard(): Promise<void> {
    await this.#large?.discard();
  }
}

function sumOf(segments: readonly SealedSegment[]): Accepted {
  const sum = { documents: 0, bytes: 0 };
  for (const { documents, length } of segments) {
    sum.documents += documents;
    sum.bytes += length;
  }
  return sum;
}
