// A batch of documents is a range of a segment (a file with many documents). An entry of the queue of batches names
// this range. Pure.
//
// The key of a batch contains the id of its segment, so the heads alone show which segments are needed. A range never
// changes, so a key always refers to the same bytes. Keys sort in the order in which the documents were accepted.

import { z } from 'zod';

/** Bytes of a segment to send, all of them whole lines. */
export interface BatchRange {
  /** Id of the segment. */
  readonly segment: string;
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
  /** Of these bytes, in hex. */
  readonly sha256: string;
  readonly documents: number;
}

/** Limits of one request. A single document may exceed them. */
export interface BatchLimits {
  readonly documents: number;
  readonly bytes: number;
}

export const batchRangeSchema = z.strictObject({
  segment: z.string().regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
  offset: z.int().nonnegative(),
  length: z.int().positive(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  documents: z.int().positive(),
});

const ID_LENGTH = 36;
/** An offset below 100 MB; a segment is far shorter. */
const OFFSET_DIGITS = 8;

/** Key of the batch that is a whole segment. */
export function segmentKey(id: string): string {
  return id;
}

/** Key of a part of a segment. */
export function partKey({ segment, offset, length }: Pick<BatchRange, 'segment' | 'offset' | 'length'>): string {
  return `${segment}.${String(offset).padStart(OFFSET_DIGITS, '0')}-${length}`;
}

/** The segment of a batch by its key. */
export function segmentOfKey(key: string): string {
  return key.slice(0, ID_LENGTH);
}

export function compareKeys(one: { readonly key: string }, other: { readonly key: string }): number {
  if (one.key === other.key) return 0;
  return one.key < other.key ? -1 : 1;
}

/** Whether a batch must be cut before it is sent. */
export function exceeds({ documents, length }: BatchRange, limits: BatchLimits): boolean {
  return documents > 1 && (documents > limits.documents || length > limits.bytes);
}
