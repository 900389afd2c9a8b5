// Signs licenses: with a private key in memory, or with a key of the vendor's key folder (`feed keys make`).

import { createHash, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { type KnownKey, keyError } from '#origin/signing/key-folder.ts';
import type { SigningKeys } from '#origin/signing/signing-keys.ts';
import type { LicenseSigner } from './license.ts';

/** A signer with an Ed25519 key. */
export function signerWithKey(privateKey: KeyObject): LicenseSigner {
  const der = derOf(createPublicKey(privateKey));
  return {
    keyId: createHash('sha256').update(der).digest('hex'),
    publicKey: der.toString('base64'),
    sign: async (bytes) => sign(null, bytes, privateKey),
  };
}

/** A signer with a key of the folder. @throws CodedError SIGNING-KEY */
export function signerOfFolder(keys: SigningKeys, name: string): LicenseSigner {
  const known = [...keys.known.values()].find((one) => one.name === name);
  if (known === undefined) throw keyError(name, 'it is not in the folder of the keys');
  const der = Buffer.from(licenseKeyOf(known), 'base64');
  return {
    keyId: createHash('sha256').update(der).digest('hex'),
    publicKey: der.toString('base64'),
    sign: async (bytes) => Buffer.from((await keys.signBytes(known.keyId, bytes)).sig, 'hex'),
  };
}

/** The public half of a key as base64 of its DER: a value for `activation.license_keys`. @throws CodedError SIGNING-KEY */
export function licenseKeyOf({ name, key }: KnownKey): string {
  if (key.keytype !== 'ed25519') throw keyError(name, 'licenses need an Ed25519 key');
  const x = Buffer.from(key.keyval.public, 'hex').toString('base64url');
  return derOf(createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })).toString('base64');
}

function derOf(key: KeyObject): Buffer {
  return key.export({ type: 'spki', format: 'der' });
}
