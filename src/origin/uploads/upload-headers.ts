// Reads the headers that batches and bundles share: the sender, the idempotency key, digests, and the header that marks
// an upload as a test. Pure.

import type { IncomingHttpHeaders } from 'node:http';

/** Ids of batches, jobs, documents and agents. */
const TOKEN = /^[A-Za-z0-9._:-]{1,128}$/;
/** A job is also the name of a folder. */
const JOB = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
/** RFC 9530, 2: a dictionary of digests, each a byte sequence between colons. SHA-256 has 44 characters in base64. */
const SHA256_MEMBER = /(?:^|,)\s*sha-256\s*=\s*:([A-Za-z0-9+/]{43}=):\s*(?:;[^,]*)?(?=,|$)/i;
const SHA256_HEX = /^[0-9a-f]{64}$/;

export function isToken(value: unknown): value is string {
  return typeof value === 'string' && TOKEN.test(value);
}

export function isJob(value: unknown): value is string {
  return typeof value === 'string' && JOB.test(value);
}

export function isSha256(value: unknown): value is string {
  return typeof value === 'string' && SHA256_HEX.test(value);
}

/** The value of a header; several lines of one header are joined as RFC 9110, 5.3, requires. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : value;
}

/** The `Idempotency-Key`, bare or in double quotes; null when it is missing or is not a token. */
export function keyOf(headers: IncomingHttpHeaders): string | null {
  const value = headerOf(headers, 'idempotency-key') ?? '';
  const bare = /^"(.*)"$/.exec(value)?.[1] ?? value;
  return isToken(bare) ? bare : null;
}

/** The agent that sends; empty when the header is missing or is not a token. */
export function agentOf(headers: IncomingHttpHeaders): string {
  const value = headerOf(headers, 'sallyport-agent');
  return isToken(value) ? value : '';
}

/** The SHA-256 of a digest header as hexadecimal digits; null when it has none. */
export function sha256Of(
  headers: IncomingHttpHeaders,
  name: 'unencoded-digest' | 'repr-digest' | 'content-digest',
): string | null {
  const base64 = SHA256_MEMBER.exec(headerOf(headers, name) ?? '')?.[1];
  return base64 === undefined ? null : Buffer.from(base64, 'base64').toString('hex');
}

/**
 * Whether a body with this SHA-256, hex, is the one of `Content-Digest`; also without this header. A signature covers the
 * header, so this comparison binds the body to the signature.
 */
export function isContentDigest(headers: IncomingHttpHeaders, sha256: string): boolean {
  return headerOf(headers, 'content-digest') === undefined || sha256Of(headers, 'content-digest') === sha256;
}

/** A boolean of RFC 9651, 3.3.6. */
export function isTestObject(headers: IncomingHttpHeaders): boolean {
  return headerOf(headers, 'sallyport-test')?.trim() === '?1';
}

/** The media type without its parameters, in lower case. */
export function mediaTypeOf(headers: IncomingHttpHeaders): string {
  return (headerOf(headers, 'content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}
