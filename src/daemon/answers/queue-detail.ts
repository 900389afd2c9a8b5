// The response to `sallyport queue show`: the facts about one entry, the sentence of its last failure, and the ids of
// its documents.
//
// Guarantees: the response does not include the content of the entry, and names at most 100 documents. Reasons that a
// server gave are text from outside, so the caller must mask secrets in the response.

import type { Purpose } from '#config/purposes.ts';
import type { QueueDetail } from '#control/queue.ts';
import type { Parts } from '#daemon/parts.ts';
import { CATALOGUE, type Code } from '#errors/catalogue.ts';
import type { Clock } from '#system/clock.ts';
import { firstRejected } from '#uploads/analytics/rejected-documents.ts';
import type { LastFailures } from './last-failures.ts';
import { type FoundEntry, rejectedRow, waitingRow } from './queue.ts';

/** Documents that are named. */
const MAX_DOCUMENTS = 100;
const SHA256 = /^[0-9a-f]{64}$/;

export interface DetailParts {
  readonly clock: Clock;
  readonly outcomes: Parts['outcomes'];
  readonly failures: Pick<LastFailures, 'of'>;
  /** The ids of the first documents of a waiting batch, by its body. @throws CodedError FILE-* */
  documentIds?(body: unknown, most: number): Promise<readonly string[]>;
}

/** @throws CodedError FILE-* */
export async function describeEntry(found: FoundEntry, parts: DetailParts): Promise<QueueDetail> {
  return found.listed === null ? await describeRejected(found) : await describeWaiting(found, parts);
}

async function describeWaiting(found: FoundEntry, parts: DetailParts): Promise<QueueDetail> {
  const { kind, listed } = found;
  if (listed === null) throw new TypeError('describes a waiting entry');
  const row = waitingRow(kind.name, listed, parts.clock.now());
  // An entry that cannot be read was just set aside, or is reported and waits.
  const entry = listed.isEnding ? null : await kind.spool.read(listed.head);
  const facts = factsOf(entry?.body);
  const ids = entry === null || kind.name !== 'batch' ? [] : await parts.documentIds?.(entry.body, MAX_DOCUMENTS);
  return {
    entry: row,
    failure: row.last_failure === null ? null : describeFailure(row, { facts, purpose: kind.purpose }, parts),
    reason: null,
    sha256: listed.head.attachment?.sha256 ?? digestOf(facts),
    facts,
    documents: (ids ?? []).map((id) => ({ id, reason: null })),
  };
}

async function describeRejected({ kind, rejected }: FoundEntry): Promise<QueueDetail> {
  if (rejected === null) throw new TypeError('describes a rejected entry');
  const { attachment, reason, body } = rejected;
  const documents = attachment === null || kind.name !== 'batch' ? [] : await firstRejected(attachment, MAX_DOCUMENTS);
  return {
    entry: rejectedRow(kind.name, rejected),
    failure: null,
    reason,
    sha256: attachment?.sha256 ?? null,
    facts: factsOf(body),
    documents: [...documents],
  };
}

/** The sentences that this process reported, those of the purpose, or at least the general advice of the code. */
function describeFailure(
  { kind, id, last_failure: failed }: QueueDetail['entry'],
  { facts, purpose }: { readonly facts: QueueDetail['facts']; readonly purpose: Purpose },
  { failures, outcomes }: DetailParts,
): QueueDetail['failure'] {
  const { code = '' } = failed ?? {};
  // The log names a receipt by the id of its update.
  const known = [failures.of(kind, id), failures.of(kind, String(facts['id'])), outcomes.of(purpose).failed?.failure];
  const failure = known.find((one) => one?.code === code);
  if (failure != null) return { message: failure.message, hop: failure.hop, check: failure.check };
  return { message: null, hop: null, check: Object.hasOwn(CATALOGUE, code) ? generalAdvice(code as Code) : null };
}

/** The advice of a code if it names no facts of a single failure. */
function generalAdvice(code: Code): string | null {
  const { check } = CATALOGUE[code];
  return check.includes('{') ? null : check;
}

function digestOf(facts: QueueDetail['facts']): string | null {
  const digest = facts['sha256'];
  return typeof digest === 'string' && SHA256.test(digest) ? digest : null;
}

/** The body of an entry is made by Sallyport and has no content of others. */
function factsOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { ...body } : {};
}
