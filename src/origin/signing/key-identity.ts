// Decides whether two keys are the same key for agents. Pure.
//
// Guarantees: the result is the same as in the client of signed feeds. It identifies a key by its public key (SPKI) and
// ignores keys that it cannot use. Signatures under two key IDs of one public key therefore count as one.

import { createHash, createPublicKey, type KeyObject } from 'node:crypto';

/** A public key as documents contain it (TUF 4.2.1). */
interface PublicPart {
  readonly keytype: string;
  readonly scheme: string;
  readonly keyval: { readonly public: string };
}

const ED25519_HEX = /^[0-9a-fA-F]{64}$/;
/** Agents ignore shorter RSA keys (TUF 4.2.2). */
const MIN_RSA_BITS = 2_048;

/** SHA-256 of the public key (SPKI, DER) in hex; null for a key that agents ignore. */
export function identityOf(key: PublicPart): string | null {
  try {
    const object = readKey(key);
    if (!counts(object, key)) return null;
    return createHash('sha256')
      .update(object.export({ type: 'spki', format: 'der' }))
      .digest('hex');
  } catch {
    // node:crypto throws for text that is not a key.
    return null;
  }
}

function readKey({ scheme, keyval }: PublicPart): KeyObject {
  const text = keyval.public;
  if (scheme !== 'ed25519' || !ED25519_HEX.test(text)) return createPublicKey(text);
  const x = Buffer.from(text, 'hex').toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

function counts({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject, key: PublicPart): boolean {
  switch (type) {
    case 'ed25519':
      return key.keytype === 'ed25519' && key.scheme === 'ed25519';
    case 'ec':
      return CURVES[key.scheme] === details?.namedCurve && ['ecdsa', key.scheme].includes(key.keytype);
    case 'rsa':
      return RSA_SCHEME.test(key.scheme) && key.keytype === 'rsa' && (details?.modulusLength ?? 0) >= MIN_RSA_BITS;
    default:
      return false;
  }
}

const RSA_SCHEME = /^rsassa-pss-sha(?:256|384|512)$/;
const CURVES: Readonly<Record<string, string>> = {
  'ecdsa-sha2-nistp256': 'prime256v1',
  'ecdsa-sha2-nistp384': 'secp384r1',
};
