// The public keys that a root file or a delegation lists. This file decides which of them count. `@tufjs/models`
// verifies signatures over the canonical form of the received content.
//
// Guarantees: a key is identified by its public key, never by its key ID. The same key under two IDs or schemes
// therefore counts once. A key of an unknown type or form is ignored (TUF 4.2.2). The package is loaded at the first
// verification, so a host without signed feeds never loads them.

import { createHash, createPublicKey, ECDH, type KeyObject } from 'node:crypto';
import type { Key } from '@tufjs/models';
import type { JsonObject } from './document.ts';
import { MIN_RSA_BITS } from './limits.ts';

/** A key that can verify signatures. */
export interface VerificationKey {
  /** SHA-256 of the public key (SPKI, DER), in hex. */
  readonly identity: string;
  readonly scheme: string;
  /** Whether `signature` (hex) is one of this key over the canonical form of `signed`. Never throws. */
  verify(signed: JsonObject, signature: string): Promise<boolean>;
}

const PEM_HEADER = '-----BEGIN PUBLIC KEY-----';
const ED25519_HEX = /^[0-9a-fA-F]{64}$/;
const POINT_HEX = /^[0-9a-fA-F]{66,194}$/;

/** Schemes that count, with the key types that may use them. */
const SCHEMES: Readonly<
  Record<string, { readonly types: readonly string[]; readonly read: (text: string) => KeyObject | null }>
> = {
  ed25519: { types: ['ed25519'], read: readEd25519 },
  'rsassa-pss-sha256': { types: ['rsa'], read: readRsa },
  'rsassa-pss-sha384': { types: ['rsa'], read: readRsa },
  'rsassa-pss-sha512': { types: ['rsa'], read: readRsa },
  'ecdsa-sha2-nistp256': {
    types: ['ecdsa', 'ecdsa-sha2-nistp256'],
    read: (text) => readEcdsa(text, { jwk: 'P-256', openssl: 'prime256v1', bytes: 32 }),
  },
  'ecdsa-sha2-nistp384': {
    types: ['ecdsa', 'ecdsa-sha2-nistp384'],
    read: (text) => readEcdsa(text, { jwk: 'P-384', openssl: 'secp384r1', bytes: 48 }),
  },
};

/** The keys in the `keys` object of a root or of delegations. A key is read when it is first needed. */
export class KeyRing {
  readonly #raw: JsonObject;
  readonly #read = new Map<string, VerificationKey | null>();

  constructor(raw: JsonObject) {
    this.#raw = raw;
  }

  /** The key with this ID; null if there is none, or none that counts. */
  get(keyId: string): VerificationKey | null {
    const known = this.#read.get(keyId);
    if (known !== undefined) return known;
    const key = Object.hasOwn(this.#raw, keyId) ? readKey(this.#raw[keyId]) : null;
    this.#read.set(keyId, key);
    return key;
  }
}

function readKey(raw: unknown): VerificationKey | null {
  const { keytype, scheme, keyval } = (raw ?? {}) as Record<string, unknown>;
  const text = (keyval as { public?: unknown } | null | undefined)?.public;
  if (typeof keytype !== 'string' || typeof scheme !== 'string' || typeof text !== 'string') return null;
  const known = Object.hasOwn(SCHEMES, scheme) ? SCHEMES[scheme] : undefined;
  if (known === undefined || !known.types.includes(keytype)) return null;
  try {
    const object = known.read(text);
    if (object === null) return null;
    const identity = createHash('sha256')
      .update(object.export({ type: 'spki', format: 'der' }))
      .digest('hex');
    return { identity, scheme, verify: (signed, signature) => verify({ keytype, scheme, text }, signed, signature) };
  } catch {
    // node:crypto throws for text that is not a key.
    return null;
  }
}

async function verify(
  { keytype, scheme, text }: { keytype: string; scheme: string; text: string },
  signed: JsonObject,
  signature: string,
): Promise<boolean> {
  const { Key: KeyModel } = await import('@tufjs/models');
  const key = new KeyModel({ keyID: 'key', keyType: keytype, scheme, keyVal: { public: text } });
  // The model canonicalizes what `toJSON` returns. It gets the received content, not a copy that the models have parsed.
  const facade = { signed: { toJSON: () => signed }, signatures: { key: { keyID: 'key', sig: signature } } };
  try {
    key.verifySignature(facade as unknown as Parameters<Key['verifySignature']>[0]);
    return true;
  } catch {
    return false;
  }
}

function readEd25519(text: string): KeyObject | null {
  if (ED25519_HEX.test(text)) {
    const x = Buffer.from(text, 'hex').toString('base64url');
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  }
  return readPem(text, 'ed25519');
}

function readRsa(text: string): KeyObject | null {
  const key = readPem(text, 'rsa');
  return key !== null && (key.asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_RSA_BITS ? key : null;
}

function readEcdsa(text: string, curve: { jwk: string; openssl: string; bytes: number }): KeyObject | null {
  if (POINT_HEX.test(text)) {
    const point = ECDH.convertKey(text, curve.openssl, 'hex', undefined, 'uncompressed') as Buffer;
    const x = point.subarray(1, 1 + curve.bytes).toString('base64url');
    const y = point.subarray(1 + curve.bytes).toString('base64url');
    return createPublicKey({ key: { kty: 'EC', crv: curve.jwk, x, y }, format: 'jwk' });
  }
  const key = readPem(text, 'ec');
  return key?.asymmetricKeyDetails?.namedCurve === curve.openssl ? key : null;
}

function readPem(text: string, type: string): KeyObject | null {
  if (!text.startsWith(PEM_HEADER)) return null;
  const key = createPublicKey(text);
  return key.asymmetricKeyType === type ? key : null;
}
