// Content-Digest (RFC 9530): the SHA-256 digest of a request body, as a header. Pure.

import { createHash } from 'node:crypto';

/** Length of a SHA-256 digest in bytes. */
const SHA256_BYTES = 32;

/** A body in memory, or the SHA-256 digest of one that is read from a file. */
export type DigestedBody = Uint8Array | { readonly sha256: Uint8Array };

/**
 * The value of `Content-Digest` for a body: `sha-256=:...:` (RFC 9530, 2 and 5).
 * @throws RangeError for a digest that has not 32 bytes
 */
export function contentDigest(body: DigestedBody): string {
  const digest = body instanceof Uint8Array ? createHash('sha256').update(body).digest() : body.sha256;
  if (digest.length !== SHA256_BYTES) throw new RangeError(`a SHA-256 digest has ${SHA256_BYTES} bytes`);
  return `sha-256=:${Buffer.from(digest).toString('base64')}:`;
}
