// A host that activates itself at a platform, for tests: its key pair, and its signed requests.

import { createPublicKey, generateKeyPairSync, type KeyObject, randomUUID, verify } from 'node:crypto';
import { requestSigner } from '#http/signatures/request-signer.ts';
import type { LicenseEnvelope, LicensePayload } from '#origin/platform/licenses/license.ts';

interface ActivationReply {
  readonly status: number;
  readonly body: { readonly code?: string; readonly license?: LicenseEnvelope; readonly server_time?: string };
}

export class ActivatingHost {
  readonly agent: string;
  readonly publicKey: string;
  readonly #privateKey: KeyObject;
  /** Added to the clock, in milliseconds. */
  clockOffsetMs = 0;

  constructor(agent: string = randomUUID()) {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    this.agent = agent;
    this.#privateKey = privateKey;
    this.publicKey = publicKey.export({ format: 'jwk' }).x ?? '';
  }

  /** The headers that sign a request. */
  sign(method: string, url: string, body?: string): Record<string, string> {
    const now = () => Date.now() + this.clockOffsetMs;
    const signer = requestSigner({ key: this.#privateKey, keyId: this.agent, now, nonce: randomUUID });
    return signer.sign({ method, url: new URL(url), ...(body === undefined ? {} : { body: Buffer.from(body) }) });
  }

  /** Sends a request to `/activation`. */
  async request(url: string, type: string, more: Readonly<Record<string, unknown>> = {}): Promise<ActivationReply> {
    const agent = { id: this.agent, version: '1.0.0' };
    const body = JSON.stringify({ v: 1, type, agent, public_key: this.publicKey, ...more });
    const headers = { 'content-type': 'application/json', ...this.sign('POST', url, body) };
    const response = await fetch(url, { method: 'POST', headers, body });
    return { status: response.status, body: (await response.json()) as ActivationReply['body'] };
  }
}

/** What a license says, if this public key (base64 of its DER) has signed it. */
export function openLicense(envelope: LicenseEnvelope | undefined, publicKey: string): LicensePayload {
  if (envelope === undefined) throw new Error('there is no license');
  const payload = Buffer.from(envelope.payload, 'base64');
  const { payloadType } = envelope;
  const signed = Buffer.concat([
    Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `),
    payload,
  ]);
  const key = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
  const isSigned = envelope.signatures.some(({ sig }) => verify(null, signed, key, Buffer.from(sig, 'base64')));
  if (!isSigned) throw new Error('the license is not signed with this key');
  return JSON.parse(payload.toString('utf8')) as LicensePayload;
}
