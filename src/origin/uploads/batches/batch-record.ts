// A line of `batches.jsonl`: one batch that was answered with a receipt. Pure.

import { isSha256, isToken } from '#origin/uploads/upload-headers.ts';

/** A document that was not stored, with the reason. */
export interface RejectedDocument {
  readonly id: string;
  readonly reason: string;
}

/** One accepted batch. */
export interface BatchRecord {
  readonly batch: string;
  /** Of the bytes without content coding. */
  readonly sha256: string;
  /** Empty when the sender did not name itself. */
  readonly agent: string;
  /** RFC 3339. */
  readonly at: string;
  /** Documents in the batch. */
  readonly documents: number;
  /** Those of them that were new and not rejected. */
  readonly stored: number;
  /** Where the stored ones are in `documents.ndjson`, in bytes. */
  readonly offset: number;
  readonly length: number;
  readonly rejected: readonly RejectedDocument[];
}

/** The response that lets the agent delete its documents. */
export interface BatchReceipt {
  readonly batch: string;
  readonly sha256: string;
  readonly durable: true;
  readonly rejected: readonly RejectedDocument[];
}

export function receiptOf({ batch, sha256, rejected }: BatchRecord): BatchReceipt {
  return { batch, sha256, durable: true, rejected };
}

/** Reads a line; null when it is not of this server. */
export function readBatchRecord(line: Buffer): BatchRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const record = value as Record<keyof BatchRecord, unknown>;
  const isWhole = [record.documents, record.stored, record.offset, record.length].every(isCount);
  if (!isToken(record.batch) || !isSha256(record.sha256) || !isWhole) return null;
  if (typeof record.agent !== 'string' || typeof record.at !== 'string') return null;
  return Array.isArray(record.rejected) && record.rejected.every(isRejected) ? (record as BatchRecord) : null;
}

function isRejected(value: unknown): boolean {
  const { id, reason } = (value ?? {}) as Record<string, unknown>;
  return isToken(id) && typeof reason === 'string';
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
