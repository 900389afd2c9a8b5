// Reads the body of a batch: NDJSON, one document per line. Pure.
//
// Guarantees: every line of an accepted body is a complete document with an id, in the form in which it is stored. An
// error is reported here only if the content causes it. The agent then splits the batch until it has found the bad
// document.

import { isUtf8 } from 'node:buffer';
import { isTime } from '#origin/feed-format.ts';
import { isToken } from '#origin/uploads/upload-headers.ts';
import type { ContentProblem } from '#origin/uploads/upload-options.ts';

/** One line of a batch. */
export interface DocumentLine {
  readonly id: string;
  /** As it came, with its line end. */
  readonly line: Uint8Array;
  /** The value that the program handed in. */
  readonly document: unknown;
}

const NEWLINE = 0x0a;

/** The documents of a body with at most `limit` lines. */
export function readDocuments(
  bytes: Buffer,
  limit: number,
): { readonly documents: readonly DocumentLine[] } | { readonly problem: ContentProblem } {
  if (bytes.length === 0 || bytes.at(-1) !== NEWLINE) return wrong(400, 'The last line does not end with a newline.');
  if (!isUtf8(bytes)) return wrong(400, 'The body is not UTF-8.');
  const documents: DocumentLine[] = [];
  for (let from = 0; from < bytes.length; ) {
    const number = documents.length + 1;
    if (number > limit) return wrong(413, `A batch has at most ${limit} documents.`);
    const end = bytes.indexOf(NEWLINE, from) + 1;
    const read = readLine(bytes.subarray(from, end));
    if ('problem' in read) return wrong(read.status, `Line ${number} ${read.problem}.`);
    documents.push(read);
    from = end;
  }
  return { documents };
}

function readLine(line: Buffer): DocumentLine | { readonly status: 400 | 422; readonly problem: string } {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return { status: 400, problem: 'is not JSON' };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { status: 400, problem: 'is not a JSON object' };
  }
  const { id, received_at, document } = value as Record<string, unknown>;
  if (!isToken(id)) return { status: 422, problem: 'has no valid ID' };
  if (!isTime(received_at)) return { status: 422, problem: 'has no valid received_at' };
  if (document === undefined) return { status: 422, problem: 'has no document' };
  return { id, line, document };
}

function wrong(status: ContentProblem['status'], detail: string): { readonly problem: ContentProblem } {
  return { problem: { status, detail } };
}
