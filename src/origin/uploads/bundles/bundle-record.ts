// The JSON file next to a finished bundle: facts about the bundle, and the receipt that its sender got. Pure.

import { isJob, isSha256, isToken } from '#origin/uploads/upload-headers.ts';
import type { BundleFacts } from './bundle-facts.ts';

export interface BundleRecord extends BundleFacts {
  readonly note: string | null;
  /** The id of its upload, at which the sender may still ask. */
  readonly upload: string;
  /** RFC 3339. */
  readonly at: string;
  readonly receipt: string;
  /** How it came. */
  readonly by: 'tus' | 'put';
}

/** The response that lets the agent delete its bundle. */
export interface BundleReceipt {
  readonly job: string;
  readonly sha256: string;
  readonly length: number;
  readonly durable: true;
  readonly receipt: string;
}

export function bundleReceiptOf({ job, sha256, length, receipt }: BundleRecord): BundleReceipt {
  return { job, sha256, length, durable: true, receipt };
}

/** Reads a record; null when it is not of this server. */
export function readBundleRecord(bytes: Uint8Array): BundleRecord | null {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return null;
  }
  const record = (value ?? {}) as Record<keyof BundleRecord, unknown>;
  const isValid =
    isJob(record.job) &&
    isSha256(record.sha256) &&
    Number.isSafeInteger(record.length) &&
    isToken(record.upload) &&
    isToken(record.receipt) &&
    [record.agent, record.at, record.filename, record.filetype].every((text) => typeof text === 'string');
  return isValid ? (record as BundleRecord) : null;
}
