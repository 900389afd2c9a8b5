// Licenses: statements that the vendor has signed, in a DSSE envelope (Dead Simple Signing Envelope 1.0). Pure.
//
// Guarantees: no part of a license is used before a signature with one of the given keys was verified. The key ID in
// the envelope only selects the key that is tried first, because nothing proves it.

import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { z } from 'zod';

const PAYLOAD_TYPE = 'application/vnd.sallyport.license+json';
/** A license has about 500 bytes; more than this is not one. */
export const MAX_LICENSE_BYTES = 65_536;
const MAX_SIGNATURES = 16;
const MAX_FEATURES = 64;
const MAX_TEXT = 128;

const base64 = z.string().max(MAX_LICENSE_BYTES);
export const envelopeSchema = z.object({
  payloadType: z.string().max(MAX_TEXT),
  payload: base64,
  signatures: z
    .array(z.object({ keyid: z.string().max(MAX_TEXT).optional(), sig: base64 }))
    .min(1)
    .max(MAX_SIGNATURES),
});
export type SignedLicense = z.infer<typeof envelopeSchema>;

const text = z
  .string()
  .min(1)
  .max(MAX_TEXT)
  .regex(/^\P{Cc}+$/u);
const payloadSchema = z
  .object({
    format: z.literal(1),
    id: text,
    agent: z.uuid().optional(),
    site: text.optional(),
    not_before: z.iso.datetime({ offset: true }),
    expires: z.iso.datetime({ offset: true }),
    features: z.array(text).max(MAX_FEATURES).default([]),
  })
  .refine(({ agent, site }) => (agent === undefined) !== (site === undefined));

export interface License {
  readonly id: string;
  /** The host that it is for; null: every host of its site. */
  readonly agent: string | null;
  readonly site: string | null;
  readonly notBeforeMs: number;
  readonly expiresMs: number;
  readonly features: readonly string[];
}

/** What a license is checked against. */
export interface LicenseQuestion {
  /** Public keys, each the DER of its SPKI in base64. */
  readonly keys: readonly string[];
  readonly agent: string;
  /** `activation.site`; null if it is not set. */
  readonly site: string | null;
  readonly nowMs: number;
}

export type LicenseVerdict =
  | { readonly kind: 'valid'; readonly license: License }
  | { readonly kind: 'not yet valid'; readonly license: License }
  | { readonly kind: 'expired'; readonly license: License }
  /** `reason` and `remedy` are phrases in small letters. `isUnsigned`: none of the keys has signed it. */
  | { readonly kind: 'invalid'; readonly reason: string; readonly remedy: string; readonly isUnsigned: boolean };

const ASK_VENDOR = 'ask the vendor for a new license file';

/** Checks a license completely. */
export function checkLicense(raw: unknown, { keys, agent, site, nowMs }: LicenseQuestion): LicenseVerdict {
  const envelope = envelopeSchema.safeParse(raw);
  if (!envelope.success) return invalid('it is not a license in a DSSE envelope');
  const { payloadType, payload, signatures } = envelope.data;
  if (payloadType !== PAYLOAD_TYPE) return invalid('it is signed as something other than a license');
  const body = Buffer.from(payload, 'base64');
  const signed = signedBytes(payloadType, body);
  if (!signatures.some((signature) => isSigned(signed, signature, keys)))
    return invalid(
      'no license key of this host has signed it',
      'compare activation.license_keys, or the target of activation.license_keys_target, with the public keys of the vendor',
      true,
    );
  const license = readLicense(body);
  if (license === null) return invalid('its content is not that of a license of format 1');
  if (license.agent !== null && license.agent !== agent)
    return invalid(`it is for agent ${license.agent}, and this host is agent ${agent}`);
  if (license.site !== null && license.site !== site)
    return invalid('it is for a site that is not activation.site of this host', 'check activation.site');
  if (nowMs < license.notBeforeMs) return { kind: 'not yet valid', license };
  return { kind: nowMs >= license.expiresMs ? 'expired' : 'valid', license };
}

/** The bytes that a signature covers: the PAE of DSSE. */
export function signedBytes(payloadType: string, payload: Uint8Array): Buffer {
  const type = Buffer.from(payloadType, 'utf8');
  return Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${payloadType} ${payload.length} `, 'utf8'), payload]);
}

function isSigned(
  signed: Uint8Array,
  { keyid, sig }: SignedLicense['signatures'][number],
  keys: readonly string[],
): boolean {
  const signature = Buffer.from(sig, 'base64');
  const named = keys.filter((key) => licenseKeyId(key) === keyid);
  return [...named, ...keys].some((key) => {
    const publicKey = readKey(key);
    return publicKey !== null && verify(null, signed, publicKey, signature);
  });
}

/** The id of a key: SHA-256 of the DER of its SPKI, in hex. */
function licenseKeyId(key: string): string {
  return createHash('sha256').update(Buffer.from(key, 'base64')).digest('hex');
}

function readKey(key: string): KeyObject | null {
  try {
    const read = createPublicKey({ key: Buffer.from(key, 'base64'), format: 'der', type: 'spki' });
    return read.asymmetricKeyType === 'ed25519' ? read : null;
  } catch {
    return null;
  }
}

function readLicense(body: Buffer): License | null {
  try {
    const { success, data } = payloadSchema.safeParse(JSON.parse(body.toString('utf8')));
    if (!success) return null;
    const { id, agent = null, site = null, not_before: from, expires, features } = data;
    return { id, agent, site, notBeforeMs: Date.parse(from), expiresMs: Date.parse(expires), features };
  } catch {
    return null;
  }
}

function invalid(reason: string, remedy = ASK_VENDOR, isUnsigned = false): LicenseVerdict {
  return { kind: 'invalid', reason, remedy, isUnsigned };
}
