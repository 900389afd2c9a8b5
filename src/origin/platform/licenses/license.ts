// Licenses: signed statements in a DSSE envelope (docs/protocol-activation.md). Pure, except for the signer.

/** What a license says. Exactly one of `agent` and `site` is set. */
export interface LicensePayload {
  readonly format: 1;
  readonly id: string;
  readonly agent?: string;
  readonly site?: string;
  /** RFC 3339. */
  readonly not_before: string;
  /** RFC 3339. */
  readonly expires: string;
  readonly features: readonly string[];
}

/** A DSSE envelope, version 1. */
export interface LicenseEnvelope {
  readonly payloadType: typeof LICENSE_TYPE;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** A key of the vendor that signs licenses. */
export interface LicenseSigner {
  /** SHA-256 of the DER of the public key, in hex. */
  readonly keyId: string;
  /** The public key, as base64 of its DER: a value for `activation.license_keys`. */
  readonly publicKey: string;
  /** An Ed25519 signature. @throws CodedError SIGNING-* */
  sign(bytes: Uint8Array): Promise<Buffer>;
}

const LICENSE_TYPE = 'application/vnd.sallyport.license+json';

/** Signs a license. @throws CodedError SIGNING-* */
export async function signLicense(payload: LicensePayload, { keyId, sign }: LicenseSigner): Promise<LicenseEnvelope> {
  const bytes = Buffer.from(JSON.stringify(payload));
  const signature = await sign(preAuthenticationEncoding(LICENSE_TYPE, bytes));
  return {
    payloadType: LICENSE_TYPE,
    payload: bytes.toString('base64'),
    signatures: [{ keyid: keyId, sig: signature.toString('base64') }],
  };
}

/** The bytes that DSSE signs: type and payload, each with its length. */
function preAuthenticationEncoding(type: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `;
  return Buffer.concat([Buffer.from(head), payload]);
}
