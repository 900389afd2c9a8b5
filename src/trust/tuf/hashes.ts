// Digests of files, as signed metadata list them (TUF 4.4, 4.5). Pure.

import { createHash } from 'node:crypto';
import { FormatError, readObject, readText } from './document.ts';

/** Digests in lower-case hex by algorithm. At least one algorithm is known. */
export type Hashes = ReadonlyMap<string, string>;

/** Algorithms that count, with the length of a digest in hex. */
const KNOWN: Readonly<Record<string, number>> = { sha256: 64, sha384: 96, sha512: 128 };
const HEX = /^[0-9a-f]+$/;

/** Keeps the known algorithms. Without one, a file could not be verified. @throws FormatError */
export function readHashes(raw: unknown, what: string): Hashes {
  const hashes = new Map<string, string>();
  for (const [algorithm, value] of Object.entries(readObject(raw, what))) {
    const digest = readText(value, what).toLowerCase();
    if (!Object.hasOwn(KNOWN, algorithm)) continue;
    if (!HEX.test(digest) || digest.length !== KNOWN[algorithm]) throw new FormatError(`${what} are not digests`);
    hashes.set(algorithm, digest);
  }
  if (hashes.size === 0) throw new FormatError(`${what} have no known algorithm`);
  return hashes;
}

/** A difference between a file and what was signed. */
export interface Difference {
  readonly what: string;
  readonly found: string | number;
  readonly expected: string | number;
}

/** The first difference, or null. Every known digest must match. */
export function findDifference(
  bytes: Uint8Array,
  listed: { readonly length: number | null; readonly hashes: Hashes | null },
): Difference | null {
  if (listed.length !== null && bytes.length !== listed.length) {
    return { what: 'its length', found: bytes.length, expected: listed.length };
  }
  for (const [algorithm, expected] of listed.hashes ?? []) {
    const found = createHash(algorithm).update(bytes).digest('hex');
    if (found !== expected) return { what: `its ${algorithm}`, found, expected };
  }
  return null;
}
