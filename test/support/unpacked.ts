// Copies documents that share one buffer into buffers of their own.

import type { PackedDocuments } from '#spool/segments/line-buffer.ts';

/** Copies of the documents. */
export function unpacked({ bytes, places }: PackedDocuments): Buffer[] {
  const documents: Buffer[] = [];
  for (let at = 0; at < places.length; at += 2) {
    documents.push(Buffer.from(bytes.subarray(places[at], places[at + 1])));
  }
  return documents;
}
