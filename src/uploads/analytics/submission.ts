// Converts the bytes that a program submits to documents of the store: all of them or none.
//
// Guarantees: the whole input is checked before a submission is refused, so that the refusal lists every wrong line.
// Only one chunk and its documents are in memory. If this source throws, the store must discard what it has received.

import { coded } from '#errors/coded-error.ts';
import type { PackedDocuments } from '#spool/segments/line-buffer.ts';
import { DocumentReader, type DocumentRules, type WrongLine } from './documents.ts';

/** Wrong lines that a failure names; the caller of a socket gets all that are known. */
const NAMED_LINES = 5;

/**
 * The documents of a source, in groups. A group is valid until the next one is requested.
 * @throws SubmissionRefused, and what the source throws
 */
export async function* documentsOf(
  source: AsyncIterable<Uint8Array>,
  rules: DocumentRules,
): AsyncGenerator<PackedDocuments, void, undefined> {
  let read: PackedDocuments[] = [];
  const reader = new DocumentReader(rules, (documents) => read.push(documents));
  let isWrong = false;
  for await (const chunk of source) {
    reader.take(chunk);
    isWrong ||= reader.hasWrong;
    // After a wrong line, only further wrong lines matter.
    if (!isWrong) yield* read;
    read = [];
  }
  const { wrong, wrongCount } = reader.end();
  if (wrongCount > 0) throw new SubmissionRefused(wrong, wrongCount);
  yield* read;
}

/** Some lines of a submission are not documents, so nothing of it was accepted. */
export class SubmissionRefused extends Error {
  override readonly name = 'SubmissionRefused';
  readonly wrong: readonly WrongLine[];
  readonly wrongCount: number;

  constructor(wrong: readonly WrongLine[], wrongCount: number) {
    super('a line is not a document');
    this.wrong = wrong;
    this.wrongCount = wrongCount;
  }

  /** The failure for a log or a command. `what` was handed in, such as a file name. */
  coded(what: string) {
    const named = this.wrong.slice(0, NAMED_LINES).map(({ line, reason }) => `line ${line}: ${reason}`);
    const left = this.wrongCount - named.length;
    const reason = [...named, ...(left > 0 ? [`and ${left} more`] : [])].join('; ');
    return coded('DOCUMENTS-INVALID', { what, count: this.wrongCount, reason });
  }
}
