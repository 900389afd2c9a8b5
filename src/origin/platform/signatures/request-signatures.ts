// Decides whether a request was signed by an agent. Checks the signature, the time, the nonce and the digest of the
// body.
//
// Guarantees: a signature is accepted once, and only within five minutes of its creation. A body counts as signed only
// if its digest is signed. Limit: nonces are only in memory. If the server restarts within ten minutes, a request can
// be repeated once.

import { createHash, createPublicKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '#system/clock.ts';
import { utcTime } from '#system/moment.ts';
import { NewestMap } from '#system/newest.ts';
import { isSignedBy, type RequestSignature, readSignature } from './http-signature.ts';

const SIGNATURE_LABEL_OF_AGENTS = 'sallyport';
/** A signature may be this old, or come from a clock that is ahead by this time. */
const CLOCK_WINDOW_MS = 300_000;
/** A signature is older than the window before its nonce is forgotten. */
const NONCE_MS = 2 * CLOCK_WINDOW_MS;
const MAX_NONCES = 100_000;
const MAX_NONCE_LENGTH = 128;

/** Why a request is refused, in the form of the activation protocol. */
interface SignatureRefusal {
  readonly status: 401;
  readonly body: {
    readonly v: 1;
    readonly code: 'signature' | 'clock';
    readonly message: string;
    readonly server_time?: string;
  };
}

export type SignatureCheck =
  /** `agent` is null if there is no signature, or if its key is not known here. */
  { readonly agent: string | null } | { readonly refusal: SignatureRefusal };

interface CheckedRequest {
  readonly request: IncomingMessage;
  /** Null if the request has none, or its digest is checked elsewhere. */
  readonly body: Uint8Array | null;
  /** The public key of an agent; null if it is not known. */
  findKey(agent: string): KeyObject | null;
  /** The only origin that agents may have signed, such as `https://updates.example.com`; null: that of the request. */
  readonly publicOrigin: string | null;
}

export class RequestSignatures {
  readonly #clock: Clock;
  readonly #offsetMs: () => number;
  /** When each nonce may be forgotten. */
  readonly #nonces = new NewestMap<string, number>(MAX_NONCES);

  /** `offsetMs` is a fault of tests: how far this clock is off. */
  constructor(clock: Clock, offsetMs: () => number = () => 0) {
    this.#clock = clock;
    this.#offsetMs = offsetMs;
  }

  check(checked: CheckedRequest): SignatureCheck {
    const { request, body } = checked;
    const signature = readSignature(request.headers, SIGNATURE_LABEL_OF_AGENTS);
    if (signature === 'none') return { agent: null };
    if ('problem' in signature) return refuse(`The signature cannot be read: ${signature.problem}.`);
    const { keyId } = signature;
    if (keyId === null) return refuse('The signature has no keyid.');
    const key = checked.findKey(keyId);
    if (key === null) return { agent: null };
    const missing = missingIn(signature, body);
    if (missing !== null) return refuse(`The signature does not cover ${missing}.`);
    if (!urlsOf(checked).some((url) => isSignedBy(key, signature, { ...partsOf(request), url }))) {
      return refuse('The signature is not that of this request with the key of this agent.');
    }
    return this.#checkTime(signature, keyId) ?? (isDigestOf(request, body) ? { agent: keyId } : refuse(OTHER_DIGEST));
  }

  #checkTime({ created, nonce }: RequestSignature, keyId: string): SignatureCheck | null {
    const nowMs = this.#clock.now() + this.#offsetMs();
    if (created === null || Math.abs(created * 1_000 - nowMs) > CLOCK_WINDOW_MS) {
      const message = 'The clock of this host and that of the server differ by more than five minutes.';
      return { refusal: { status: 401, body: { v: 1, code: 'clock', message, server_time: utcTime(nowMs) } } };
    }
    if (nonce === null || nonce === '' || nonce.length > MAX_NONCE_LENGTH) return refuse('The nonce is missing.');
    const used = `${keyId}\n${nonce}`;
    const monotonicMs = this.#clock.monotonic();
    if ((this.#nonces.get(used) ?? 0) > monotonicMs) return refuse('This request was received before.');
    this.#nonces.set(used, monotonicMs + NONCE_MS);
    return null;
  }
}

const OTHER_DIGEST = 'The body does not have the digest of Content-Digest.';

/** The key of 32 bytes in base64url; null if it is none. */
export function readPublicKey(base64url: string): KeyObject | null {
  if (!/^[A-Za-z0-9_-]{43}$/.test(base64url)) return null;
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: base64url }, format: 'jwk' });
  } catch {
    return null;
  }
}

function missingIn({ covered, alg }: RequestSignature, body: Uint8Array | null): string | null {
  if (alg !== null && alg !== 'ed25519') return 'the request with Ed25519';
  const needed = ['@method', '@target-uri', ...(body === null || body.length === 0 ? [] : ['content-digest'])];
  return needed.find((name) => !covered.includes(name)) ?? null;
}

/** The digest of RFC 9530; a request without the header has no body, which `missingIn` has checked. */
function isDigestOf({ headers }: IncomingMessage, body: Uint8Array | null): boolean {
  const header = headers['content-digest'];
  if (body === null || header === undefined) return true;
  const [, base64] = /(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):/.exec(String(header)) ?? [];
  const given = Buffer.from(base64 ?? '', 'base64');
  const actual = createHash('sha256').update(body).digest();
  return given.length === actual.length && timingSafeEqual(given, actual);
}

function partsOf({ method = '', headers }: IncomingMessage) {
  return { method, headers };
}

/** The URLs that the client may have requested: a TLS server in front of this one is not visible here. */
function urlsOf({ request, publicOrigin }: CheckedRequest): readonly URL[] {
  const target = request.url ?? '/';
  const path = target.startsWith('/') ? target : new URL(target).pathname;
  const origins =
    publicOrigin === null ? ['http', 'https'].map((scheme) => `${scheme}://${request.headers.host}`) : [publicOrigin];
  return origins.flatMap((origin) => (URL.canParse(path, origin) ? [new URL(path, origin)] : []));
}

function refuse(message: string): { readonly refusal: SignatureRefusal } {
  return { refusal: { status: 401, body: { v: 1, code: 'signature', message } } };
}
