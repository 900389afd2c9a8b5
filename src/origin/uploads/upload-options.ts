// What can be set for the uploads of an origin: limits, and rules that only tests need.

import type { Coding } from './batch-head.ts';
import type { StoreLimits } from './batch-store.ts';
import type { ContentProblem } from './documents.ts';

export interface UploadLimits extends StoreLimits {
  /** Of one batch, without content coding and on the wire. */
  readonly batchBytes: number;
  readonly batchDocuments: number;
  /** Bodies of batches in memory, all together. */
  readonly bufferedBytes: number;
  /** Of a test object. */
  readonly testBytes: number;
}

/** What a test makes the server do with the documents. */
export interface BatchRules {
  /** Why a document is rejected; null accepts it. */
  readonly reject?: (document: unknown, id: string) => string | null;
  /** Why a batch is refused as a whole; null accepts it. */
  readonly refuse?: (documents: readonly unknown[]) => ContentProblem | null;
  /** The content codings that the server accepts. Default: all. */
  readonly codings?: readonly Coding[];
}

const MIB = 1024 * 1024;

export const DEFAULT_UPLOAD_LIMITS: UploadLimits = {
  batchBytes: 16 * MIB,
  batchDocuments: 10_000,
  bufferedBytes: 256 * MIB,
  testBytes: 64 * MIB,
  // Their ids stay in memory, about 100 MB.
  storedDocuments: 1_000_000,
  storedBytes: 4_096 * MIB,
  storedBatches: 200_000,
};
