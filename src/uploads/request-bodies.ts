// Describes the request bodies of uploads for the team that configures the proxy: their media types and the largest
// size. Pure.

import type { Settings } from '#config/settings.ts';
import { MAX_SUBMITTED_BYTES } from './analytics/documents.ts';
import { MAX_CHUNK_BYTES } from './transfer/chunk-size.ts';
import type { UploadPurpose } from './upload-gate.ts';

export interface RequestBodies {
  readonly types: readonly string[];
  /** In bytes. */
  readonly largest: number;
}

/** The bodies that a purpose sends with these settings. */
export function requestBodies(purpose: UploadPurpose, settings: Pick<Settings, UploadPurpose>): RequestBodies {
  if (purpose === 'exposure_analytics') {
    const { batch_max_bytes: batch } = settings.exposure_analytics;
    // A single document may exceed the limit of a batch.
    return { types: ['application/x-ndjson'], largest: Math.max(batch, MAX_SUBMITTED_BYTES) };
  }
  const { protocol, archive, encrypt_to: recipients, max_bytes: whole } = settings.support_logs;
  const chunks = { types: ['application/offset+octet-stream', 'application/json'], largest: MAX_CHUNK_BYTES };
  if (protocol === 'tus') return chunks;
  const plain = archive === 'zip' ? 'application/zip' : 'application/zstd';
  return { types: [recipients.length > 0 ? 'application/octet-stream' : plain], largest: whole };
}
