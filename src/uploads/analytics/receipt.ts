// Classifies the collector's response to a batch (docs/protocol-uploads.md). Pure.
//
// Guarantees: documents are deleted only after a receipt for exactly this batch and these bytes. The content counts as
// refused only if the response is the collector's own JSON and names this batch. Every other response, whether from a
// proxy, a scanner or a server, keeps the batch.

import { z } from 'zod';
import { jsonOf, type TypedBody } from '#uploads/json-response.ts';

/** What was sent. */
export interface SentBatch {
  readonly batch: string;
  /** Of the uncompressed bytes, in hex. */
  readonly sha256: string;
  readonly documents: number;
}

/** A document that the collector does not take. */
export interface DocumentRejection {
  readonly id: string;
  readonly reason: string;
}

/** What a response means for the batch. */
export type BatchAnswer =
  /** The collector has it durably, except for the rejected documents. */
  | { readonly means: 'receipt'; readonly rejected: readonly DocumentRejection[] }
  /** The collector refuses the content of this batch. */
  | { readonly means: 'refused'; readonly reason: string }
  /** The collector has other bytes under this id. */
  | { readonly means: 'conflict'; readonly reason: string }
  /** The content coding is not supported (RFC 9110, 15.5.16). */
  | { readonly means: 'coding' }
  /** A server or proxy takes no request of this size. */
  | { readonly means: 'too-large' }
  /** No receipt; what is missing or wrong, in words. */
  | { readonly means: 'none'; readonly reason: string };

const MAX_REASON_LENGTH = 500;
const REFUSALS: ReadonlySet<number> = new Set([400, 413, 422]);

const receiptSchema = z.object({
  batch: z.string(),
  sha256: z.string(),
  durable: z.boolean(),
  rejected: z.array(z.object({ id: z.string(), reason: z.string() })).default([]),
});
/** RFC 9457, with the member `batch` of ours. */
const problemSchema = z.object({
  batch: z.string(),
  title: z.string().optional(),
  detail: z.string().optional(),
});

/** The response as far as it is needed here. */
export interface AnswerParts extends TypedBody {
  readonly status: number;
}

/** Classifies a response. */
export function classifyAnswer({ status, contentType, body }: AnswerParts, sent: SentBatch): BatchAnswer {
  const json = jsonOf({ contentType, body });
  if (status >= 200 && status <= 299) return classifyReceipt(json, sent);
  const problem = problemSchema.safeParse(json).data;
  const isOwn = problem?.batch === sent.batch;
  const reason = shorten(problem?.detail ?? problem?.title ?? 'without a reason');
  if (isOwn && status === 409) return { means: 'conflict', reason };
  if (isOwn && REFUSALS.has(status)) return { means: 'refused', reason };
  if (status === 415) return { means: 'coding' };
  if (status === 413) return { means: 'too-large' };
  return { means: 'none', reason: `status ${status}` };
}

function classifyReceipt(json: unknown, sent: SentBatch): BatchAnswer {
  if (json === undefined) return none('the response is not JSON');
  const receipt = receiptSchema.safeParse(json).data;
  if (receipt === undefined) return none('the response has no receipt');
  if (receipt.batch !== sent.batch) return none('the receipt is for another batch');
  if (receipt.sha256.toLowerCase() !== sent.sha256) return none('the receipt has another digest');
  if (!receipt.durable) return none('the collector has not stored the batch durably');
  if (receipt.rejected.length > sent.documents) return none('the receipt rejects more documents than were sent');
  return { means: 'receipt', rejected: receipt.rejected.map(({ id, reason }) => ({ id, reason: shorten(reason) })) };
}

function none(reason: string): BatchAnswer {
  return { means: 'none', reason };
}

function shorten(text: string): string {
  return text.length <= MAX_REASON_LENGTH ? text : `${text.slice(0, MAX_REASON_LENGTH)}…`;
}
