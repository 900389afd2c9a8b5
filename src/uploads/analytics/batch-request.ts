// Makes the request for a batch: its headers, and its body in a content coding. Pure, except that zlib compresses in
// its own threads.
//
// Only the compressed batch is in memory, because its length must be sent first. The digest is that of the uncompressed
// bytes, so the coding may differ between two attempts (draft-ietf-httpbis-unencoded-digest).

import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { constants, createGzip, createZstdCompress } from 'node:zlib';
import type { AttachmentBody } from '#spool/attachment.ts';

/** Codings in the order in which they are tried (RFC 8878, RFC 1952); `identity` stands for none. */
export const CODINGS = ['zstd', 'gzip', 'identity'] as const;
export type BatchCoding = (typeof CODINGS)[number];

/** Compresses JSON to about a tenth at 200 MB/s. */
const ZSTD = { params: { [constants.ZSTD_c_compressionLevel]: 3 } };

/** The coding to try after one that the collector does not support (415); null after the last. */
export function nextCoding(coding: BatchCoding): BatchCoding | null {
  return CODINGS[CODINGS.indexOf(coding) + 1] ?? null;
}

/**
 * The content of a batch in a coding, in memory. The batch itself is read through one small buffer.
 * @throws CodedError FILE-* when the batch cannot be read
 */
export async function encodedBody(content: AttachmentBody, coding: BatchCoding): Promise<Uint8Array> {
  if (coding === 'identity') return await readWhole(content);
  const encoder = coding === 'zstd' ? createZstdCompress(ZSTD) : createGzip();
  const parts: Buffer[] = [];
  encoder.on('data', (part: Buffer) => parts.push(part));
  const ended = once(encoder, 'end');
  // It is awaited after the last chunk.
  ended.catch(() => undefined);
  try {
    for await (const chunk of content.open(0)) await take(encoder, chunk);
    encoder.end();
    await ended;
  } finally {
    encoder.destroy();
  }
  return Buffer.concat(parts);
}

/** Resolves when the encoder no longer needs the chunk: its buffer is used again. */
function take(encoder: Writable, chunk: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    encoder.write(chunk, (error) => (error ? reject(error) : resolve()));
  });
}

async function readWhole(content: AttachmentBody): Promise<Uint8Array> {
  const bytes = Buffer.alloc(content.length);
  let length = 0;
  for await (const chunk of content.open(0)) {
    bytes.set(chunk, length);
    length += chunk.length;
  }
  return bytes;
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
