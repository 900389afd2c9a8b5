// The options for the uploads of an origin: limits, and rules that only tests need.

/** A content coding (RFC 9110, 8.4.1), or none. */
export type Coding = 'zstd' | 'gzip' | 'none';

/** What is wrong with the content; 413 when there is too much of it. */
export interface ContentProblem {
  readonly status: 400 | 413 | 422;
  readonly detail: string;
}

/** Limits of what is stored. */
export interface StoreLimits {
  readonly storedDocuments: number;
  readonly storedBytes: number;
  readonly storedBatches: number;
}

export interface UploadLimits extends StoreLimits {
  /** Of one batch, without content coding and on the wire. */
  readonly batchBytes: number;
  readonly batchDocuments: number;
  /** Bodies of batches in memory, all together. */
  readonly bufferedBytes: number;
  /** Of a test object. */
  readonly testBytes: number;
  /** Of one bundle. */
  readonly bundleBytes: number;
  /** Finished bundles. */
  readonly bundles: number;
  /** Finished and unfinished bundles, all together. */
  readonly bundlesBytes: number;
  /** Declared bytes of unfinished uploads, all together. */
  readonly unfinishedBytes: number;
  /** How long an upload may take from its creation, in milliseconds. */
  readonly unfinishedMs: number;
  /** How long a request waits for another one that uses the same upload, in milliseconds. */
  readonly lockMs: number;
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
  bundleBytes: 1_024 * MIB,
  bundles: 10_000,
  bundlesBytes: 20_480 * MIB,
  unfinishedBytes: 4_096 * MIB,
  // An outage of the network may last a weekend.
  unfinishedMs: 7 * 86_400_000,
  lockMs: 5_000,
};
