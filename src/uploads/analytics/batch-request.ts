// Makes the request for a batch: its headers and its body in a content coding. Pure, except that zlib compresses in its
// own threads.
//
// A batch has at most `batch_max_bytes`, so its body is compressed in memory. The digest is of the uncompressed bytes,
// so the coding may differ between two attempts (draft-ietf-httpbis-unencoded-digest).

import { promisify } from 'node:util';
import { constants, gzip, zstdCompress } from 'node:zlib';
import type { AttachmentBody } from '#spool/attachment.ts';

/** Codings in the order in which they are tried (RFC 8878, RFC 1952); `identity` stands for none. */
export const CODINGS = ['zstd', 'gzip', 'identity'] as const;
export type BatchCoding = (typeof CODINGS)[number];

/** Compresses JSON to about a tenth at 200 MB/s. */
const ZSTD_LEVEL = 3;

const asZstd = promisify(zstdCompress);
const asGzip = promisify(gzip);

/** The coding to try after one that the collector does not support (415); null after the last. */
export function nextCoding(coding: BatchCoding): BatchCoding | null {
  return CODINGS[CODINGS.indexOf(coding) + 1] ?? null;
}

/** The content of a batch in a coding. @throws CodedError FILE-* when the batch cannot be read */
export async function encodedBody(content: AttachmentBody, coding: BatchCoding): Promise<Uint8Array> {
  const bytes = Buffer.alloc(content.length);
  let length = 0;
  for await (const chunk of content.open(0)) {
    bytes.set(chunk, length);
    length += chunk.length;
  }
  if (coding === 'zstd') return await asZstd(bytes, { params: { [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
  return coding === 'gzip' ? await asGzip(bytes) : bytes;
}

/** The headers that describe a batch (docs/protocol-uploads.md). */
export function batchHeaders(batch: {
  readonly key: string;
  readonly sha256: string;
  readonly documents: number;
  readonly coding: BatchCoding;
}): Record<string, string> {
  return {
    'content-type': 'application/x-ndjson',
    accept: 'application/json, application/problem+json',
    ...(batch.coding === 'identity' ? {} : { 'content-encoding': batch.coding }),
    'idempotency-key': batch.key,
    'unencoded-digest': `sha-256=:${Buffer.from(batch.sha256, 'hex').toString('base64')}:`,
    'sallyport-documents': String(batch.documents),
  };
}
