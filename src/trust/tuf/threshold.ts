// Checks that a document is signed with enough different keys (TUF 5.3.4, 5.4.2, 5.5.3, 5.6.3).
//
// Guarantees: each public key counts once, even if it has several key IDs or signatures. The check of `@tufjs/models`
// is not used: it counts key IDs, so one key under two IDs would reach a threshold of two.

import { coded } from '#errors/coded-error.ts';
import type { SigningAuthority } from './authority.ts';
import { betweenSteps, type Place, type SignedDocument } from './document.ts';
import type { Signer } from './types.ts';

/**
 * The first keys that reach the threshold; further signatures are not verified.
 * @throws CodedError TUF-SIGNATURE
 */
export async function requireThreshold(
  document: SignedDocument,
  { keyIds, threshold, keys }: SigningAuthority,
  place: Place,
): Promise<readonly Signer[]> {
  const signers = new Map<string, Signer>();
  for (const keyId of keyIds) {
    if (signers.size >= threshold) break;
    const signature = document.signatures.get(keyId);
    const key = signature === undefined ? null : keys.get(keyId);
    if (signature === undefined || key === null || signers.has(key.identity)) continue;
    await betweenSteps(document.bytes);
    if (await key.verify(document.signed, signature)) signers.set(key.identity, { keyId, scheme: key.scheme });
  }
  if (signers.size < threshold) {
    throw coded('TUF-SIGNATURE', { ...place, version: claimedVersion(document), found: signers.size, threshold });
  }
  return [...signers.values()];
}

/** The version that an unverified document claims, for messages only. */
function claimedVersion({ signed }: SignedDocument): number | null {
  const { version } = signed;
  return typeof version === 'number' ? version : null;
}
