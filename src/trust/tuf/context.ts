// What all steps share in which the client of signed feeds gets the current metadata.

import { coded } from '#errors/coded-error.ts';
import type { Common } from './decode.ts';
import type { Place } from './document.ts';
import { type Difference, findDifference } from './hashes.ts';
import type { MetadataRequest, TufSource } from './source.ts';
import type { TufStore } from './store.ts';
import type { Signer, TufEvent, TufLimits } from './types.ts';

export interface TufContext {
  readonly source: TufSource;
  readonly store: TufStore;
  readonly limits: TufLimits;
  /** The fixed time of this client (TUF 5.1), and how much longer than signed metadata is accepted. */
  readonly nowMs: number;
  readonly graceMs: number;
  readonly report: (event: TufEvent) => void;
}

/** A verified document of a role. */
export interface Trusted<C extends Common> {
  readonly content: C;
  readonly bytes: Uint8Array;
  readonly signers: readonly Signer[];
  readonly threshold: number;
}

/**
 * Fetches a file; null if the repository has none.
 * @throws CodedError TUF-LIMIT and codes of the source
 */
export async function fetchFile(
  context: TufContext,
  place: Place,
  request: Omit<MetadataRequest, 'name'>,
): Promise<Uint8Array | null> {
  const reply = await context.source.metadata({ name: place.file, ...request });
  if (reply.kind === 'missing') return null;
  // A source should stop at the limit; the client does not rely on it.
  if (reply.bytes.length > request.limitBytes) throw coded('TUF-LIMIT', { ...place, limit: request.limitBytes });
  return reply.bytes;
}

/**
 * TUF 5.3.10, 5.4.4, 5.5.6, 5.6.5: the expiration must be higher than the fixed time, so a document expires exactly at it.
 * @throws CodedError TUF-EXPIRED
 */
export function requireUnexpired({ nowMs, graceMs }: TufContext, content: Common, place: Place): void {
  if (content.expiresMs > nowMs - graceMs) return;
  throw coded('TUF-EXPIRED', { ...place, version: content.version, expires: content.expires, now: nowMs });
}

/** @throws CodedError TUF-MISMATCH */
export function requireListed(
  bytes: Uint8Array,
  listed: Parameters<typeof findDifference>[1],
  place: Place & { readonly listedBy: string },
): void {
  const difference = findDifference(bytes, listed);
  if (difference !== null) throw mismatch(difference, place);
}

/** @throws CodedError TUF-MISMATCH */
export function requireVersion(found: number, expected: number, place: Place & { readonly listedBy: string }): void {
  if (found !== expected) throw mismatch({ what: 'its version', found, expected }, place);
}

function mismatch(difference: Difference, place: Place & { readonly listedBy: string }): Error {
  return coded('TUF-MISMATCH', { ...place, ...difference });
}
