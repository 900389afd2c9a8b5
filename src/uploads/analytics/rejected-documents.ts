// Reads from `rejected/` which documents of a batch the collector rejected, and why. The content of the documents is
// read but not returned.

import { z } from 'zod';
import type { AttachmentBody } from '#spool/attachment.ts';

const NEWLINE = 0x0a;
const lineSchema = z.object({ id: z.string(), reason: z.string() });

/** A document that a collector rejected. The reason is text of the collector. */
export interface DocumentReason {
  readonly id: string;
  readonly reason: string;
}

/** The first ones, at most `most`; a damaged line is left out. @throws CodedError FILE-* */
export async function firstRejected(
  evidence: Pick<AttachmentBody, 'open'>,
  most: number,
): Promise<readonly DocumentReason[]> {
  const found: DocumentReason[] = [];
  let begun: Uint8Array[] = [];
  for await (const slice of evidence.open(0)) {
    let from = 0;
    for (let at = slice.indexOf(NEWLINE); at >= 0; at = slice.indexOf(NEWLINE, from)) {
      found.push(...readLine(Buffer.concat([...begun, slice.subarray(from, at)])));
      if (found.length >= most) return found;
      begun = [];
      from = at + 1;
    }
    // The next slice uses the same buffer.
    if (from < slice.length) begun.push(Uint8Array.from(slice.subarray(from)));
  }
  return found;
}

function readLine(line: Buffer): DocumentReason[] {
  try {
    return [lineSchema.parse(JSON.parse(line.toString('utf8')))];
  } catch {
    return [];
  }
}
