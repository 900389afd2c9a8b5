// The header `Upload-Checksum` of tus 1.0 (extension checksum). Pure.

export interface Checksum {
  readonly algorithm: 'sha1' | 'sha256';
  readonly hex: string;
}

/** The header that lists the algorithms. */
export const CHECKSUM_ALGORITHMS = 'sha1,sha256';

const CHECKSUM = /^(sha1|sha256) ([A-Za-z0-9+/]+={0,2})$/;
const DIGEST_BYTES = { sha1: 20, sha256: 32 };

/** The checksum; null without the header, 'unsupported' when the algorithm or the value is not valid. */
export function readChecksum(value: string | undefined): Checksum | null | 'unsupported' {
  if (value === undefined) return null;
  const [, algorithm, base64 = ''] = CHECKSUM.exec(value) ?? [];
  if (algorithm !== 'sha1' && algorithm !== 'sha256') return 'unsupported';
  const digest = Buffer.from(base64, 'base64');
  return digest.length === DIGEST_BYTES[algorithm] ? { algorithm, hex: digest.toString('hex') } : 'unsupported';
}
