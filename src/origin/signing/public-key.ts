// Converts the public half of a key from PEM to the form of TUF, and from there to a key of Node. Pure.

import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { TufKey } from './documents.ts';

/** The only curve of ECDSA that TUF names (TUF 4.2.1). */
const CURVE_OF_ECDSA = 'prime256v1';

/** The key in the form of TUF, or why it cannot be one. */
export function tufKeyOf(key: KeyObject): TufKey | { readonly problem: string } {
  const pem = key.export({ type: 'spki', format: 'pem' }).toString().trimEnd();
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: rawOf(key).toString('hex') } };
    case 'ec':
      if (key.asymmetricKeyDetails?.namedCurve !== CURVE_OF_ECDSA) return { problem: 'its curve is not P-256' };
      return { keytype: 'ecdsa', scheme: 'ecdsa-sha2-nistp256', keyval: { public: pem } };
    case 'rsa':
      if ((key.asymmetricKeyDetails?.modulusLength ?? 0) < 2_048) return { problem: 'it has fewer than 2048 bits' };
      return { keytype: 'rsa', scheme: 'rsassa-pss-sha256', keyval: { public: pem } };
    default:
      return { problem: `it is neither Ed25519, ECDSA on P-256 nor RSA, but ${key.asymmetricKeyType ?? 'unknown'}` };
  }
}

/** Reads a public key in PEM, or returns why it is none. */
export function readPublicPem(pem: string): TufKey | { readonly problem: string } {
  try {
    if (pem.includes('PRIVATE KEY')) return { problem: 'it is a private key; it must not leave its device' };
    return tufKeyOf(createPublicKey(pem));
  } catch {
    return { problem: 'it is not a public key in PEM' };
  }
}

/** Whether the key signed these bytes. */
export function isValidSignature(key: TufKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verifyWith(key, bytes, signature);
  } catch {
    return false;
  }
}

function verifyWith(key: TufKey, bytes: Uint8Array, signature: Uint8Array): boolean {
  switch (key.scheme) {
    case 'ed25519': {
      const raw = Buffer.from(key.keyval.public, 'hex');
      const jwk = { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') };
      return verify(null, bytes, createPublicKey({ key: jwk, format: 'jwk' }), signature);
    }
    case 'ecdsa-sha2-nistp256':
      return verify('sha256', bytes, createPublicKey(key.keyval.public), signature);
    case 'rsassa-pss-sha256': {
      const options = { key: key.keyval.public, padding: constants.RSA_PKCS1_PSS_PADDING };
      return verify('sha256', bytes, options, signature);
    }
    default:
      return false;
  }
}

/** The 32 bytes of an Ed25519 key. */
function rawOf(key: KeyObject): Buffer {
  return Buffer.from(key.export({ format: 'jwk' }).x ?? '', 'base64url');
}
