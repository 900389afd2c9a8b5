/**
 * Key pairs of every type in the TUF specification, and the canonical JSON that they sign. Written without code of the
 * program.
 */
import { constants, createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type JsonFields = { [key: string]: Json };

export type KeyKind = 'ed25519' | 'rsa' | 'ecdsa';

/** A key pair with its form in metadata. */
export interface TestKey {
  keyId: string;
  readonly fields: JsonFields;
  sign(content: Json): string;
}

/** OLPC canonical JSON: sorted keys, no white space, only backslash and quote escaped. */
export function canonical(value: Json): string {
  if (typeof value === 'string') return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return String(value);
  const names = Object.keys(value).sort();
  return `{${names.map((name) => `${canonical(name)}:${canonical(value[name] as Json)}`).join(',')}}`;
}

export function keyIdOf(fields: JsonFields): string {
  return createHash('sha256').update(canonical(fields)).digest('hex');
}

/** RSA keys take a tenth of a second to make, so each test file makes its few ones once. */
const made = new Map<string, KeyObject>();

/** A new key; with `name` the same one each time. */
export function testKey(
  kind: KeyKind = 'ed25519',
  { name, rsaBits = 2_048 }: { name?: string; rsaBits?: number } = {},
): TestKey {
  const label = name === undefined ? undefined : `${kind} ${rsaBits} ${name}`;
  const known = label === undefined ? undefined : made.get(label);
  const privateKey = known ?? generate(kind, rsaBits);
  if (label !== undefined) made.set(label, privateKey);
  return asTestKey(kind, privateKey);
}

function generate(kind: KeyKind, rsaBits: number): KeyObject {
  if (kind === 'rsa') return generateKeyPairSync('rsa', { modulusLength: rsaBits }).privateKey;
  if (kind === 'ecdsa') return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  return generateKeyPairSync('ed25519').privateKey;
}

const SCHEMES = { ed25519: 'ed25519', rsa: 'rsassa-pss-sha256', ecdsa: 'ecdsa-sha2-nistp256' } as const;

function asTestKey(kind: KeyKind, privateKey: KeyObject): TestKey {
  const fields: JsonFields = { keytype: kind, scheme: SCHEMES[kind], keyval: { public: publicText(kind, privateKey) } };
  return {
    keyId: keyIdOf(fields),
    fields,
    sign(content) {
      const bytes = Buffer.from(canonical(content));
      if (kind === 'ed25519') return sign(null, bytes, privateKey).toString('hex');
      if (kind === 'ecdsa') return sign('sha256', bytes, privateKey).toString('hex');
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      return sign('sha256', bytes, { key: privateKey, padding, saltLength: 32 }).toString('hex');
    },
  };
}

function publicText(kind: KeyKind, privateKey: KeyObject): string {
  const jwk = privateKey.export({ format: 'jwk' });
  if (kind === 'ed25519') return Buffer.from(String(jwk.x), 'base64url').toString('hex');
  return createPublicPem(privateKey);
}

function createPublicPem(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
}
