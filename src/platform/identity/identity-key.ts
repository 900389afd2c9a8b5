// The Ed25519 key pair of this host: made here, or read from a systemd credential.

import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { coded } from '#errors/coded-error.ts';

/** The last bytes of the DER of a public key are the key itself (RFC 8410, 4). */
const RAW_BYTES = 32;

/** A new private key. */
export function makeIdentityKey(): KeyObject {
  return generateKeyPairSync('ed25519').privateKey;
}

/** The private key as it is stored: PKCS #8 in base64. */
export function keyAsText(key: KeyObject): string {
  return key.export({ format: 'der', type: 'pkcs8' }).toString('base64');
}

/** Reads a stored private key. Throws for anything else. */
export function keyFromText(text: string): KeyObject {
  return requireEd25519(createPrivateKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'pkcs8' }));
}

/** Reads the key of a credential: PKCS #8 in PEM. @throws CodedError IDENTITY-KEY */
export function keyFromPem(pem: Uint8Array, path: string): KeyObject {
  try {
    return requireEd25519(createPrivateKey({ key: Buffer.from(pem), format: 'pem' }));
  } catch (thrown) {
    // The message of OpenSSL never quotes the key, but it says nothing to an admin.
    const reason = thrown instanceof TypeError ? thrown.message : 'it is not a private key in PEM';
    throw coded('IDENTITY-KEY', { path, reason }, thrown);
  }
}

/** The public key of a private key: 32 bytes in base64url, as the protocol has it. */
export function publicText(key: KeyObject): string {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-RAW_BYTES).toString('base64url');
}

function requireEd25519(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== 'ed25519') throw new TypeError(`it is a key of the type ${key.asymmetricKeyType}`);
  return key;
}
